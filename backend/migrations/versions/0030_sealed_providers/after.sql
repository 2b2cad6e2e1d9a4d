ALTER TABLE identity_providers DROP COLUMN issuer, DROP COLUMN application, DROP COLUMN role_claim, DROP COLUMN roles,
  ALTER COLUMN settings SET NOT NULL;
ALTER TABLE staff_identities DROP COLUMN issuer, DROP COLUMN subject, ALTER COLUMN key SET NOT NULL,
  ADD CONSTRAINT pk_staff_identities PRIMARY KEY (client_id, key);

ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE identity_providers FORCE ROW LEVEL SECURITY;
ALTER TABLE staff_identities FORCE ROW LEVEL SECURITY;

-- A dropped column, and a row as it was before, stand in a table's file until it is written anew, which a column does
-- whose default is another one in each row.
ALTER TABLE identity_providers ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE identity_providers DROP COLUMN anew;
ALTER TABLE staff_identities ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE staff_identities DROP COLUMN anew;
