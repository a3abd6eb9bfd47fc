organization-title = Choose a shop
organization-lead = Logged in as
organization-not-enough = Your role in this shop is not enough to allow what the app asks for.
