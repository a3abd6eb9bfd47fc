-- Organizations, such as the shops of a platform, and who belongs to them.

-- `org_id` is the identifier that clients see; `label` the left-most part of the organization's host.
CREATE TABLE organizations (
    realm    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    org_id   TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    category TEXT    NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, org_id),
    UNIQUE (realm, label)
) STRICT, WITHOUT ROWID;

-- `roles` is a JSON list of names.
CREATE TABLE memberships (
    realm        INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    roles        TEXT    NOT NULL,
    PRIMARY KEY (realm, user, organization)
) STRICT, WITHOUT ROWID;

-- A consent is for one organization, or for none: 0.
ALTER TABLE consents RENAME TO consents_before;
DROP INDEX consents_of_client;
CREATE TABLE consents (
    realm        INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    client       INTEGER NOT NULL,
    organization INTEGER NOT NULL,
    scope        INTEGER NOT NULL,
    given        INTEGER NOT NULL,
    PRIMARY KEY (realm, user, client, organization)
) STRICT, WITHOUT ROWID;
INSERT INTO consents SELECT realm, user, client, 0, scope, given FROM consents_before;
DROP TABLE consents_before;
CREATE INDEX consents_of_client ON consents (realm, client);
