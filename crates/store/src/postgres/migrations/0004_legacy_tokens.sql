-- Tokens of an older system that may be exchanged for grants. `token` is a keyed digest, `ends` an instant, the last one: never.

CREATE TABLE kimbai.legacy_tokens (
    realm        integer NOT NULL,
    token        bytea   NOT NULL,
    organization integer NOT NULL,
    client       integer NOT NULL,
    "user"       integer NOT NULL,
    client_epoch integer NOT NULL,
    user_epoch   integer NOT NULL,
    put          bigint  NOT NULL,
    ends         bigint  NOT NULL,
    -- The number of the exchange that is next or under way, and whether its grant was opened.
    exchange     integer NOT NULL,
    opened       boolean NOT NULL,
    PRIMARY KEY (realm, token)
) WITH (fillfactor = 90);
CREATE INDEX legacy_tokens_of_organization ON kimbai.legacy_tokens (realm, organization, token);
CREATE INDEX legacy_tokens_of_client ON kimbai.legacy_tokens (realm, client);
