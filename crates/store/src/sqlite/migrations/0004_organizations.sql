-- The organization for which a grant was given; zero: for none. Written when it is opened and never again.
ALTER TABLE grants ADD COLUMN organization INTEGER NOT NULL DEFAULT 0;
CREATE INDEX grants_of_organization ON grants (realm, organization, id) WHERE organization <> 0;
