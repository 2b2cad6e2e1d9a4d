ALTER TABLE client_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE clients NO FORCE ROW LEVEL SECURITY;
ALTER TABLE access_grants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE oauth_applications NO FORCE ROW LEVEL SECURITY;
ALTER TABLE staff_sessions NO FORCE ROW LEVEL SECURITY;

DROP FUNCTION app.oauth_application(uuid);

ALTER TABLE clients RENAME COLUMN settings TO clear;
ALTER TABLE clients ADD COLUMN settings BYTEA, ADD COLUMN retention JSONB DEFAULT '{}' NOT NULL;
UPDATE clients SET retention = coalesce(clear -> 'retention', '{}');
ALTER TABLE access_grants RENAME COLUMN staff_name TO clear;
ALTER TABLE access_grants ADD COLUMN staff_name BYTEA;
ALTER TABLE oauth_applications RENAME COLUMN name TO clear;
ALTER TABLE oauth_applications ADD COLUMN name BYTEA;
ALTER TABLE staff_sessions RENAME COLUMN device TO clear;
ALTER TABLE staff_sessions ADD COLUMN device BYTEA;
