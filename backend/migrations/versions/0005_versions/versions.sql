ALTER TABLE clients ADD version int NOT NULL DEFAULT 0;

-- What was published, as it was. Rows are added, never changed.
CREATE TABLE client_versions (
  client_id UUID NOT NULL,
  version INTEGER NOT NULL,
  name VARCHAR NOT NULL,
  settings JSONB NOT NULL,
  author VARCHAR NOT NULL,
  note VARCHAR,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_client_versions PRIMARY KEY (client_id, version),
  CONSTRAINT fk_client_versions_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
INSERT INTO client_versions (client_id, version, name, settings, author) SELECT id, 1, name, settings, 'system' FROM clients;
UPDATE clients SET version = 1;
ALTER TABLE client_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON client_versions TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON client_versions TO wafaa_app;

-- What is being prepared. The assistant never reads it.
CREATE TABLE client_drafts (
  client_id UUID NOT NULL,
  base INTEGER NOT NULL,
  revision INTEGER DEFAULT 1 NOT NULL,
  name VARCHAR NOT NULL,
  settings JSONB NOT NULL,
  author VARCHAR NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_client_drafts PRIMARY KEY (client_id),
  CONSTRAINT fk_client_drafts_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE client_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON client_drafts TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON client_drafts TO wafaa_app;
