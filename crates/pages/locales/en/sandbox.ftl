sandbox-badge = Sandbox
sandbox-realms = Realms
sandbox-requests-link = Last requests
sandbox-lead = A realm to build against: real protocol, demo data. Everything on this page may be copied; nothing is secret.
sandbox-issuer = Issuer
sandbox-commands = Try it
sandbox-people = People
sandbox-people-note = They can log in to this realm.
sandbox-person-name = Name
sandbox-person-username = User name
sandbox-person-password = Password
sandbox-clients = Registered apps
sandbox-client-public = public, no secret
sandbox-client-try = Try this app’s log-in
sandbox-endpoints = Endpoints
sandbox-home = Back to the realm

sandbox-callback-title = Back at the app
sandbox-callback-code = The log-in worked: here is the code
sandbox-callback-code-note = It works once and only for a short while. Redeem it for tokens now:
sandbox-callback-error = The app was given an error
sandbox-callback-nothing = Nothing has come back yet
sandbox-callback-nothing-note = This page shows what an authorization request brings back. Start one from the realm’s page.
sandbox-callback-parameters = What was received

sandbox-requests-title = Last requests
sandbox-requests-lead = Newest first. Tokens and secrets are shown by length and digest only.
sandbox-requests-empty = No request yet. Send one, then load this page again.
sandbox-requests-reason = Reason:
sandbox-requests-mistake = Mistake:

sandbox-sheet-title = The super-app asks
sandbox-sheet-scopes = What you allow
sandbox-sheet-person = Who is signed in to the super-app
sandbox-sheet-confirm = Confirm
sandbox-sheet-result = What my.getAuthCode gives to the app
sandbox-sheet-result-note = A code works once and only for a short while. The app’s back end exchanges it.
