logout-title = Log out?
logout-asker = The app that asks
logout-note = This browser will no longer be logged in. Apps that you allowed to keep access while you are away keep it.
logout-confirm = Log out
logged-out-title = You are logged out
logged-out-text = You can close this page.
