login-title = Log in
login-lead = to continue to
login-username = User name
login-password = Password
login-submit = Log in
login-cancel = Cancel and go back
login-support = Need help?

login-error-wrong-password = User name or password is not right. Check both, also Caps Lock and the keyboard’s language, and try again.
login-error-throttled = { $seconds ->
    [one] That was too quick after a wrong password. Wait 1 second, then try again.
   *[other] That was too quick after a wrong password. Wait { $seconds } seconds, then try again.
}
login-error-locked = { $minutes ->
    [one] Too many wrong attempts. To protect the account, log-in is paused. Try again in 1 minute.
   *[other] Too many wrong attempts. To protect the account, log-in is paused. Try again in { $minutes } minutes.
}
login-error-stale-form = This page had been open for too long and was made anew. Please log in once more.
login-error-busy = Many people are logging in right now. Your password was not checked; wait a few seconds and try again.
