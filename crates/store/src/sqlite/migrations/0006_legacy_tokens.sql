-- Tokens of an older system that may be exchanged for grants. `token` is a keyed digest, `ends` an instant, the last one: never.

CREATE TABLE legacy_tokens (
    realm        INTEGER NOT NULL,
    token        BLOB    NOT NULL,
    organization INTEGER NOT NULL,
    client       INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    client_epoch INTEGER NOT NULL,
    user_epoch   INTEGER NOT NULL,
    put          INTEGER NOT NULL,
    ends         INTEGER NOT NULL,
    -- The number of the exchange that is next or under way, and whether its grant was opened.
    exchange     INTEGER NOT NULL,
    opened       INTEGER NOT NULL,
    PRIMARY KEY (realm, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX legacy_tokens_of_organization ON legacy_tokens (realm, organization, token);
CREATE INDEX legacy_tokens_of_client ON legacy_tokens (realm, client);
