form-post-title = Taking you to the app
form-post-lead = You are being taken back to the app. If nothing happens, press the button to go to
form-post-submit = Continue
