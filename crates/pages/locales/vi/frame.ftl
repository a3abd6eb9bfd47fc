frame-request = Mã yêu cầu, khi cần hỗ trợ:
frame-error-prefix = Lỗi:
