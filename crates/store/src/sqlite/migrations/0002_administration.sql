-- What administration asks for, without reading whole tables.

-- Kimbai's own mark in the head of each of its databases ("Kimb"), by which a backup is told from another file.
PRAGMA application_id = 1265200482;

DROP INDEX audit_of_realm;
CREATE INDEX audit_of_realm ON audit (realm, at, number);
CREATE INDEX audit_of_grant ON audit (realm, grant, at, number) WHERE grant IS NOT NULL;
CREATE INDEX audit_of_client ON audit (realm, client, at, number) WHERE client IS NOT NULL;
CREATE INDEX audit_of_user ON audit (realm, user, at, number) WHERE user IS NOT NULL;

CREATE INDEX consents_of_client ON consents (realm, client);
CREATE INDEX sessions_of_user ON sessions (realm, user);

-- A secret may have an end now: `"secret_digests": [digest]` becomes `"secrets": [{"digest": digest}]`.
UPDATE clients
SET metadata = json_set(
        json_remove(metadata, '$.secret_digests'),
        '$.secrets',
        json((SELECT json_group_array(json_object('digest', json(value))) FROM json_each(metadata, '$.secret_digests')))
    )
WHERE json_type(metadata, '$.secret_digests') IS NOT NULL;
