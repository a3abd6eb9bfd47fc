-- The organization for which a grant was given; zero: for none. Written when it is opened and never again.
ALTER TABLE kimbai.grants ADD COLUMN organization integer NOT NULL DEFAULT 0;
CREATE INDEX grants_of_organization ON kimbai.grants (realm, organization, id) WHERE organization <> 0;
