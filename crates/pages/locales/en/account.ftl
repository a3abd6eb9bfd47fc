account-title = Choose an account
account-continue = Continue as
account-another = Use another account
