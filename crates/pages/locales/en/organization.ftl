organization-title = Choose a shop
organization-lead = Logged in as
organization-not-enough = Only an admin of this shop can allow what the app asks for.
