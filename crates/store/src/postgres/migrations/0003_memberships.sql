-- Organizations, such as the shops of a platform, and who belongs to them.

-- `org_id` is the identifier that clients see; `label` the left-most part of the organization's host.
CREATE TABLE kimbai.organizations (
    realm    integer          NOT NULL,
    number   integer          NOT NULL,
    org_id   text COLLATE "C" NOT NULL,
    label    text COLLATE "C" NOT NULL,
    name     text             NOT NULL,
    category text             NOT NULL,
    PRIMARY KEY (realm, number),
    UNIQUE (realm, org_id),
    UNIQUE (realm, label)
);

-- `roles` is a JSON list of names.
CREATE TABLE kimbai.memberships (
    realm        integer NOT NULL,
    "user"       integer NOT NULL,
    organization integer NOT NULL,
    roles        text    NOT NULL,
    PRIMARY KEY (realm, "user", organization)
);

-- A consent is for one organization, or for none: 0.
ALTER TABLE kimbai.consents ADD COLUMN organization integer NOT NULL DEFAULT 0;
ALTER TABLE kimbai.consents ALTER COLUMN organization DROP DEFAULT;
ALTER TABLE kimbai.consents DROP CONSTRAINT consents_pkey;
ALTER TABLE kimbai.consents ADD PRIMARY KEY (realm, "user", client, organization);
