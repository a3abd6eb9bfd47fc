-- Instants are microseconds since 1970 by the database's clock, `*_s` are seconds. Numbers without a sign are stored by
-- their bits where they are only compared for equality (realm, client, user, epochs, scope, attempt,
-- previous_rotation); a grant's id with its top bit turned, so that rows lie in the order of their making beyond 2038
-- too. Texts are ordered by their bytes, as SQLite's are. Every primary key begins with the realm, and each verb's
-- condition with realm and id.

-- The database's time in microseconds, now and not at the transaction's start.
CREATE FUNCTION kimbai.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- One row for a grant's whole life. `rotate` writes no indexed column, and a page has room for the next version.
CREATE TABLE kimbai.grants (
    id                     bigint   NOT NULL,
    scope                  bigint   NOT NULL,
    auth_time_s            bigint   NOT NULL,
    opened                 bigint   NOT NULL,
    absolute_end           bigint   NOT NULL,
    redeemed               bigint   NOT NULL DEFAULT 0,
    realm                  integer  NOT NULL,
    client                 integer  NOT NULL,
    "user"                 integer  NOT NULL,
    client_epoch           integer  NOT NULL,
    user_epoch             integer  NOT NULL,
    access_revoked_through integer  NOT NULL DEFAULT 0,
    redirect_uri           bytea    NOT NULL,
    code_challenge         bytea    NOT NULL,
    -- What `rotate` writes stands together.
    attempt                bigint   NOT NULL,
    -- When the code ends, when the refresh token does, or since when the grant has ended.
    state_end              bigint   NOT NULL,
    rotated                bigint   NOT NULL DEFAULT 0,
    access_expiry_s        bigint   NOT NULL DEFAULT 0,
    generation             integer  NOT NULL DEFAULT 0,
    previous_rotation      integer  NOT NULL DEFAULT 0,
    sealing_key            smallint NOT NULL DEFAULT 0,
    -- 0 code, 1 active, from 2 on why it ended.
    state                  smallint NOT NULL,
    PRIMARY KEY (realm, id)
) WITH (fillfactor = 80);
CREATE INDEX grants_of_user ON kimbai.grants (realm, "user", id);
CREATE INDEX grants_of_client ON kimbai.grants (realm, client, id);

-- Read with each verb. Party: 0 client, 1 user.
CREATE TABLE kimbai.standing (
    realm  integer  NOT NULL,
    party  smallint NOT NULL,
    number integer  NOT NULL,
    active boolean  NOT NULL,
    epoch  integer  NOT NULL,
    PRIMARY KEY (realm, party, number)
);

CREATE TABLE kimbai.denials (
    realm    integer NOT NULL,
    client   integer NOT NULL,
    token    bytea   NOT NULL,
    expiry_s bigint  NOT NULL,
    PRIMARY KEY (realm, client, token)
);
CREATE INDEX denials_by_expiry ON kimbai.denials (expiry_s);

CREATE TABLE kimbai.meta (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    value bytea            NOT NULL
);

-- The next number of each kind in a realm (realm 0: of realms): numbers are never used again, whatever is deleted.
CREATE TABLE kimbai.counters (
    realm integer          NOT NULL,
    kind  text COLLATE "C" NOT NULL,
    next  bigint           NOT NULL,
    PRIMARY KEY (realm, kind)
);

CREATE TABLE kimbai.realms (
    number   integer          NOT NULL PRIMARY KEY,
    name     text COLLATE "C" NOT NULL UNIQUE,
    settings text             NOT NULL,
    -- Grows with each change of the realm, its keys or its clients, so that other servers read them anew.
    version  bigint           NOT NULL DEFAULT 0
);

CREATE TABLE kimbai.clients (
    realm     integer          NOT NULL,
    number    integer          NOT NULL,
    client_id text COLLATE "C" NOT NULL,
    metadata  text             NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, client_id)
);

CREATE TABLE kimbai.users (
    realm         integer          NOT NULL,
    number        integer          NOT NULL,
    username      text COLLATE "C" NOT NULL,
    password_hash text             NOT NULL,
    claims        text             NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, username)
);

CREATE TABLE kimbai.consents (
    realm  integer NOT NULL,
    "user" integer NOT NULL,
    client integer NOT NULL,
    scope  bigint  NOT NULL,
    given  bigint  NOT NULL,
    PRIMARY KEY (realm, "user", client)
);
CREATE INDEX consents_of_client ON kimbai.consents (realm, client);

CREATE TABLE kimbai.sessions (
    realm         integer NOT NULL,
    id            bytea   NOT NULL,
    "user"        integer NOT NULL,
    user_epoch    integer NOT NULL,
    authenticated bigint  NOT NULL,
    last_used     bigint  NOT NULL,
    PRIMARY KEY (realm, id)
);
CREATE INDEX sessions_by_use ON kimbai.sessions (last_used);
CREATE INDEX sessions_of_user ON kimbai.sessions (realm, "user");

CREATE TABLE kimbai.browsers (
    realm   integer NOT NULL,
    "user"  integer NOT NULL,
    browser bytea   NOT NULL,
    seen    bigint  NOT NULL,
    PRIMARY KEY (realm, "user", browser)
);

-- Log-in attempts of accounts and sources; `ends` is when they are forgotten.
CREATE TABLE kimbai.log_ins (
    realm    integer NOT NULL,
    key      bytea   NOT NULL,
    failures integer NOT NULL,
    last     bigint  NOT NULL,
    ends     bigint  NOT NULL,
    PRIMARY KEY (realm, key)
);
CREATE INDEX log_ins_by_end ON kimbai.log_ins (realm, ends);

CREATE TABLE kimbai.keys (
    realm  integer          NOT NULL,
    usage  text COLLATE "C" NOT NULL,
    number smallint         NOT NULL,
    sealed bytea            NOT NULL,
    made   bigint           NOT NULL,
    PRIMARY KEY (realm, usage, number)
);

CREATE TABLE kimbai.audit (
    number   bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    realm    integer          NOT NULL,
    at       bigint           NOT NULL,
    event    text COLLATE "C" NOT NULL,
    "grant"  bigint,
    client   integer,
    "user"   integer,
    source   text
);
CREATE INDEX audit_of_realm ON kimbai.audit (realm, at, number);
CREATE INDEX audit_of_grant ON kimbai.audit (realm, "grant", at, number) WHERE "grant" IS NOT NULL;
CREATE INDEX audit_of_client ON kimbai.audit (realm, client, at, number) WHERE client IS NOT NULL;
CREATE INDEX audit_of_user ON kimbai.audit (realm, "user", at, number) WHERE "user" IS NOT NULL;

-- Denies a row-less token until it expires, or, when a client has too many of them, all that it was ever given. Answers
-- the client's standing as `epoch * 2 + active`.
CREATE FUNCTION kimbai.deny(realm_ integer, client_ integer, token_ bytea, expiry_s_ bigint, most bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    now_s bigint := kimbai.now_us() / 1000000;
BEGIN
    IF expiry_s_ > now_s THEN
        -- Denials of one client are made one after the other.
        PERFORM FROM kimbai.standing WHERE realm = realm_ AND party = 0 AND number = client_ FOR UPDATE;
        IF NOT EXISTS (SELECT FROM kimbai.denials WHERE realm = realm_ AND client = client_ AND token = token_) THEN
            IF (SELECT count(*) FROM kimbai.denials
                WHERE realm = realm_ AND client = client_ AND expiry_s > now_s) < most THEN
                INSERT INTO kimbai.denials (realm, client, token, expiry_s)
                VALUES (realm_, client_, token_, expiry_s_) ON CONFLICT DO NOTHING;
            ELSE
                UPDATE kimbai.standing SET epoch = epoch + 1 WHERE realm = realm_ AND party = 0 AND number = client_;
                -- The epoch says no to all of them now.
                DELETE FROM kimbai.denials WHERE realm = realm_ AND client = client_;
            END IF;
        END IF;
    END IF;
    RETURN (SELECT epoch::bigint * 2 + active::int FROM kimbai.standing
            WHERE realm = realm_ AND party = 0 AND number = client_);
END $$;
