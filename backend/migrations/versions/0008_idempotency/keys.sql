-- Neither key nor request nor answer can be read from here: keyed hashes, and a box that the same request opens.
CREATE TABLE idempotency_keys (
  client_id uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  name bytea NOT NULL,
  fingerprint bytea NOT NULL,
  status int,
  answer bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_idempotency_keys PRIMARY KEY (client_id, name)
);
CREATE INDEX ix_idempotency_keys_client_id_created_at ON idempotency_keys (client_id, created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotency_keys TO wafaa_app
  USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO wafaa_app;
