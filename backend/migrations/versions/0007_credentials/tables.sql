-- What programs show, and what colleagues granted them. Secrets, codes and tokens are kept as hashes.
CREATE TABLE api_keys (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  staff_id UUID NOT NULL,
  name VARCHAR NOT NULL,
  mode VARCHAR NOT NULL,
  scopes VARCHAR[] NOT NULL,
  secret_hash BYTEA NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  last_used_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_api_keys PRIMARY KEY (client_id, id),
  CONSTRAINT fk_api_keys_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_api_keys_client_id_staff_id ON api_keys (client_id, staff_id);
CREATE INDEX ix_api_keys_id ON api_keys (id);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON api_keys TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE ON api_keys TO wafaa_app;

CREATE TABLE oauth_applications (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  name VARCHAR NOT NULL,
  secret_hash BYTEA,
  redirect_uris VARCHAR[] NOT NULL,
  scopes VARCHAR[] NOT NULL,
  algorithm VARCHAR NOT NULL,
  revoked_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_oauth_applications PRIMARY KEY (client_id, id),
  CONSTRAINT fk_oauth_applications_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX ix_oauth_applications_id ON oauth_applications (id);
ALTER TABLE oauth_applications ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_applications FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON oauth_applications TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE ON oauth_applications TO wafaa_app;

CREATE TABLE oauth_grants (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  application_id UUID NOT NULL,
  staff_id UUID NOT NULL,
  scopes VARCHAR[] NOT NULL,
  code_hash BYTEA NOT NULL,
  challenge VARCHAR NOT NULL,
  redirect_uri VARCHAR NOT NULL,
  code_until TIMESTAMP WITH TIME ZONE NOT NULL,
  exchanged_at TIMESTAMP WITH TIME ZONE,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  revoked_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_oauth_grants PRIMARY KEY (client_id, id),
  CONSTRAINT fk_oauth_grants_client_id_application_id FOREIGN KEY(client_id, application_id) REFERENCES oauth_applications (client_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_oauth_grants_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_oauth_grants_client_id_application_id ON oauth_grants (client_id, application_id);
CREATE UNIQUE INDEX ix_oauth_grants_client_id_code_hash ON oauth_grants (client_id, code_hash);
CREATE INDEX ix_oauth_grants_client_id_staff_id ON oauth_grants (client_id, staff_id);
ALTER TABLE oauth_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON oauth_grants TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_grants TO wafaa_app;

CREATE TABLE oauth_refresh_tokens (
  client_id UUID NOT NULL,
  token_hash BYTEA NOT NULL,
  grant_id UUID NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_oauth_refresh_tokens PRIMARY KEY (client_id, token_hash),
  CONSTRAINT fk_oauth_refresh_tokens_client_id_grant_id FOREIGN KEY(client_id, grant_id) REFERENCES oauth_grants (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_oauth_refresh_tokens_client_id_grant_id ON oauth_refresh_tokens (client_id, grant_id);
ALTER TABLE oauth_refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON oauth_refresh_tokens TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE ON oauth_refresh_tokens TO wafaa_app;
