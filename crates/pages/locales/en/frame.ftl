frame-request = Request ID, for support:
frame-error-prefix = Error:
