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
    -- The claims that were asked for by name: 32 bits of the UserInfo endpoint's, 32 of the ID token's.
    requested              bigint   NOT NULL,
    redeemed               bigint   NOT NULL DEFAULT 0,
    realm                  integer  NOT NULL,
    client                 integer  NOT NULL,
    "user"                 integer  NOT NULL,
    client_epoch           integer  NOT NULL,
    user_epoch             integer  NOT NULL,
    access_revoked_through integer  NOT NULL DEFAULT 0,
    redirect_uri           bytea    NOT NULL,
    code_challenge         bytea    NOT NULL,
    -- The id of the browser session; zero: there was none.
    session                bytea    NOT NULL,
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
    state                  smallint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX grants_of_user ON kimbai.grants (realm, "user", id);
CREATE INDEX grants_of_client ON kimbai.grants (realm, client, id);
-- After them: on an empty table all three cost the planner of version 18 the same, and then it takes the one that was made last.
ALTER TABLE kimbai.grants ADD PRIMARY KEY (realm, id);

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
    number smallint         NOT NULL CONSTRAINT a_key_has_one_of_256_numbers CHECK (number BETWEEN 0 AND 255),
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

-- Stores audit events, a column in each array; when they may be there already, without those that are. The lock is held by
-- whoever sends the same events, so that a sending whose connection was lost has ended before the next one looks.
CREATE FUNCTION kimbai.record(
    journal bigint, may_be_there boolean,
    realms integer[], instants bigint[], events text[],
    grants bigint[], clients integer[], users integer[], sources text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(journal);
    INSERT INTO kimbai.audit (realm, at, event, "grant", client, "user", source)
    SELECT e.realm, e.at, e.event, e.of_grant, e.client, e.of_user, e.source
    FROM unnest(realms, instants, events, grants, clients, users, sources)
        WITH ORDINALITY AS e (realm, at, event, of_grant, client, of_user, source, place)
    WHERE NOT (may_be_there AND EXISTS (
        SELECT FROM kimbai.audit AS a WHERE a.realm = e.realm AND a.at = e.at AND a.event = e.event
        AND (a."grant", a.client, a."user", a.source) IS NOT DISTINCT FROM (e.of_grant, e.client, e.of_user, e.source)
    )) ORDER BY e.place;
END $$;

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

-- Ends a transaction whose statements are all on their way already.
-- KB001: what it needs is not there. KB002: what it was made from has been replaced.
CREATE FUNCTION kimbai.refuse(code text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = reason;
END $$;

-- Nobody else counts for either of these keys until this transaction ends. In one order, so that nobody waits for each other.
CREATE FUNCTION kimbai.lock_log_ins(the_realm integer, one bytea, other bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a bigint := ('x' || encode(substr(one, 1, 8), 'hex'))::bit(64)::bigint # the_realm;
    b bigint := ('x' || encode(substr(other, 1, 8), 'hex'))::bit(64)::bigint # the_realm;
BEGIN
    PERFORM pg_advisory_xact_lock(least(a, b));
    PERFORM pg_advisory_xact_lock(greatest(a, b));
END $$;

-- Whole seconds, rounded up; never more than `most`, so that a clock that was set back locks nobody out for longer.
CREATE FUNCTION kimbai.seconds_until(instant bigint, now bigint, most bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT greatest(least((greatest(instant - now, 0) + 999999) / 1000000, most), 1) $$;

-- Counts a log-in attempt (0), or has it wait (1) or finds it locked (2) and counts nothing. An account counts anew when
-- its lock has ended, a source when its window has.
CREATE FUNCTION kimbai.count_log_in(
    the_realm integer, account bytea, source bytea,
    free_failures bigint, first_delay_s bigint, lock_failures bigint, lock_s bigint,
    source_failures bigint, source_window_s bigint, keys_max bigint,
    OUT verdict smallint, OUT wait_s bigint
) LANGUAGE plpgsql AS $$
DECLARE
    now bigint;
    of_account record;
    of_source record;
    is_new boolean;
    doublings bigint;
    delay_s bigint;
BEGIN
    PERFORM kimbai.lock_log_ins(the_realm, account, source);
    now := kimbai.now_us();
    SELECT failures, last, ends INTO of_account FROM kimbai.log_ins WHERE realm = the_realm AND key = account;
    is_new := NOT FOUND;
    IF is_new OR of_account.ends <= now THEN
        SELECT 0 AS failures, 0::bigint AS last, now AS ends INTO of_account;
    END IF;
    SELECT failures, ends INTO of_source FROM kimbai.log_ins WHERE realm = the_realm AND key = source;
    is_new := is_new OR NOT FOUND;
    IF NOT FOUND OR of_source.ends <= now THEN
        SELECT 0 AS failures, now + source_window_s * 1000000 AS ends INTO of_source;
    END IF;

    verdict := 2;
    IF of_source.failures >= source_failures THEN
        wait_s := kimbai.seconds_until(of_source.ends, now, source_window_s);
        RETURN;
    END IF;
    IF of_account.failures > 0 AND of_account.failures >= lock_failures THEN
        wait_s := kimbai.seconds_until(of_account.ends, now, lock_s);
        RETURN;
    END IF;
    doublings := of_account.failures - free_failures;
    IF of_account.failures > 0 AND doublings >= 0 THEN
        delay_s := least(first_delay_s * power(2::numeric, least(doublings, 32)), 4294967295);
        IF now < of_account.last + delay_s * 1000000 THEN
            verdict := 1;
            wait_s := kimbai.seconds_until(of_account.last + delay_s * 1000000, now, delay_s);
            RETURN;
        END IF;
    END IF;

    INSERT INTO kimbai.log_ins AS l (realm, key, failures, last, ends)
    VALUES (the_realm, account, of_account.failures + 1, now, now + lock_s * 1000000),
           (the_realm, source, of_source.failures + 1, now, of_source.ends)
    ON CONFLICT (realm, key) DO UPDATE SET failures = excluded.failures, last = excluded.last, ends = excluded.ends;
    verdict := 0;
    wait_s := 0;

    -- Counting all of them reads them. So only now and then: 64 read rows for each new key on the average, exact up to 64
    -- keys, and at 100,000 hardly ever more than a tenth beyond.
    IF is_new AND random() * keys_max < 64 THEN
        PERFORM kimbai.forget_log_ins(the_realm, account, source, keys_max);
    END IF;
END $$;

-- Forgets the keys beyond `keys_max` whose time ends first, other than these two. Waits for nobody.
CREATE FUNCTION kimbai.forget_log_ins(the_realm integer, account bytea, source bytea, keys_max bigint)
RETURNS void LANGUAGE sql AS $$
    WITH beyond AS MATERIALIZED (
        SELECT key FROM kimbai.log_ins WHERE realm = the_realm AND key NOT IN (account, source)
        ORDER BY ends DESC OFFSET greatest(keys_max - 2, 0)
    ), free AS MATERIALIZED (
        SELECT l.key FROM beyond JOIN kimbai.log_ins AS l ON l.realm = the_realm AND l.key = beyond.key
        FOR UPDATE OF l SKIP LOCKED
    )
    DELETE FROM kimbai.log_ins AS l USING free WHERE l.realm = the_realm AND l.key = free.key
$$;

-- Forgets the account's attempts, and takes one back from the source.
CREATE FUNCTION kimbai.clear_log_in(the_realm integer, account bytea, source bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kimbai.lock_log_ins(the_realm, account, source);
    DELETE FROM kimbai.log_ins WHERE realm = the_realm AND key = account;
    DELETE FROM kimbai.log_ins WHERE realm = the_realm AND key = source AND failures <= 1;
    UPDATE kimbai.log_ins SET failures = failures - 1 WHERE realm = the_realm AND key = source;
END $$;
