-- What OpenID Connect needs of a grant's log-in and request. Written when it is opened and never again.

-- The id of the browser session; zero: there was none.
ALTER TABLE grants ADD COLUMN session BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
-- The claims that were asked for by name: 32 bits of the UserInfo endpoint's, 32 of the ID token's.
ALTER TABLE grants ADD COLUMN requested INTEGER NOT NULL DEFAULT 0;
