-- Instants are microseconds since 1970 by the store's clock, `*_s` are seconds. 64-bit numbers without a sign are
-- stored by their bits; a grant's id with its top bit turned, so that rows lie in the order of their making beyond 2038
-- too.

-- One row for a grant's whole life. `rotate` writes no indexed column.
CREATE TABLE grants (
    realm                  INTEGER NOT NULL,
    id                     INTEGER NOT NULL,
    client                 INTEGER NOT NULL,
    user                   INTEGER NOT NULL,
    client_epoch           INTEGER NOT NULL,
    user_epoch             INTEGER NOT NULL,
    scope                  INTEGER NOT NULL,
    auth_time_s            INTEGER NOT NULL,
    opened                 INTEGER NOT NULL,
    absolute_end           INTEGER NOT NULL,
    redirect_uri           BLOB    NOT NULL,
    code_challenge         BLOB    NOT NULL,
    attempt                INTEGER NOT NULL,
    -- 0 code, 1 active, from 2 on why it ended.
    state                  INTEGER NOT NULL,
    -- When the code ends, when the refresh token does, or since when the grant has ended.
    state_end              INTEGER NOT NULL,
    generation             INTEGER NOT NULL DEFAULT 0,
    redeemed               INTEGER NOT NULL DEFAULT 0,
    rotated                INTEGER NOT NULL DEFAULT 0,
    previous_rotation      INTEGER NOT NULL DEFAULT 0,
    access_expiry_s        INTEGER NOT NULL DEFAULT 0,
    access_revoked_through INTEGER NOT NULL DEFAULT 0,
    sealing_key            INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (realm, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_user ON grants (realm, user, id);
CREATE INDEX grants_of_client ON grants (realm, client, id);

-- Read with each verb: small, so that all of it stays in memory. Party: 0 client, 1 user.
CREATE TABLE standing (
    realm  INTEGER NOT NULL,
    party  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    active INTEGER NOT NULL,
    epoch  INTEGER NOT NULL,
    PRIMARY KEY (realm, party, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE denials (
    realm    INTEGER NOT NULL,
    client   INTEGER NOT NULL,
    token    BLOB    NOT NULL,
    expiry_s INTEGER NOT NULL,
    PRIMARY KEY (realm, client, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX denials_by_expiry ON denials (expiry_s);

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The next number of each kind in a realm: numbers are never used again, whatever is deleted.
CREATE TABLE counters (
    realm INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    next  INTEGER NOT NULL,
    PRIMARY KEY (realm, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE realms (
    number   INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    settings TEXT    NOT NULL
) STRICT;

CREATE TABLE clients (
    realm     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    client_id TEXT    NOT NULL,
    metadata  TEXT    NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    realm         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    username      TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    claims        TEXT    NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, username)
) STRICT, WITHOUT ROWID;

CREATE TABLE consents (
    realm  INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    client INTEGER NOT NULL,
    scope  INTEGER NOT NULL,
    given  INTEGER NOT NULL,
    PRIMARY KEY (realm, user, client)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    realm         INTEGER NOT NULL,
    id            BLOB    NOT NULL,
    user          INTEGER NOT NULL,
    user_epoch    INTEGER NOT NULL,
    authenticated INTEGER NOT NULL,
    last_used     INTEGER NOT NULL,
    PRIMARY KEY (realm, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_use ON sessions (last_used);

CREATE TABLE browsers (
    realm   INTEGER NOT NULL,
    user    INTEGER NOT NULL,
    browser BLOB    NOT NULL,
    seen    INTEGER NOT NULL,
    PRIMARY KEY (realm, user, browser)
) STRICT, WITHOUT ROWID;

-- Log-in attempts of accounts and sources; `ends` is when they are forgotten.
CREATE TABLE log_ins (
    realm    INTEGER NOT NULL,
    key      BLOB    NOT NULL,
    failures INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    PRIMARY KEY (realm, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_ins_by_end ON log_ins (realm, ends);
-- How many there are, because the table is bounded and counting it would read it.
CREATE TABLE log_in_sizes (
    realm INTEGER NOT NULL PRIMARY KEY,
    size  INTEGER NOT NULL
) STRICT;
CREATE TRIGGER log_in_added AFTER INSERT ON log_ins BEGIN
    INSERT INTO log_in_sizes (realm, size) VALUES (new.realm, 1) ON CONFLICT DO UPDATE SET size = size + 1;
END;
CREATE TRIGGER log_in_removed AFTER DELETE ON log_ins BEGIN
    UPDATE log_in_sizes SET size = size - 1 WHERE realm = old.realm;
END;

CREATE TABLE keys (
    realm  INTEGER NOT NULL,
    usage  TEXT    NOT NULL,
    number INTEGER NOT NULL,
    sealed BLOB    NOT NULL,
    made   INTEGER NOT NULL,
    PRIMARY KEY (realm, usage, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    realm  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    event  TEXT    NOT NULL,
    grant  INTEGER,
    client INTEGER,
    user   INTEGER,
    source TEXT
) STRICT;
CREATE INDEX audit_of_realm ON audit (realm, number);
