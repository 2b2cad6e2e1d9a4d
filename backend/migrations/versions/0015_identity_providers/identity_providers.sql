CREATE TABLE identity_providers (
  client_id UUID NOT NULL,
  issuer VARCHAR NOT NULL,
  application VARCHAR NOT NULL,
  sealed BYTEA NOT NULL,
  domains VARCHAR[] NOT NULL,
  role_claim VARCHAR,
  roles JSONB DEFAULT '{}' NOT NULL,
  default_role VARCHAR,
  trusts_email BOOLEAN DEFAULT false NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_identity_providers PRIMARY KEY (client_id),
  CONSTRAINT fk_identity_providers_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE identity_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON identity_providers TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON identity_providers TO wafaa_app;

CREATE TABLE staff_identities (
  client_id UUID NOT NULL,
  issuer VARCHAR NOT NULL,
  subject VARCHAR NOT NULL,
  staff_id UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff_identities PRIMARY KEY (client_id, issuer, subject),
  CONSTRAINT fk_staff_identities_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_staff_identities_client_id_staff_id ON staff_identities (client_id, staff_id);
ALTER TABLE staff_identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_identities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff_identities TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_identities TO wafaa_app;

GRANT SELECT (client_id, domains) ON identity_providers TO wafaa_definer;
CREATE POLICY definer ON identity_providers TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

-- Which client's identity provider signs somebody in, by the client's slug or by the domain of an e-mail address. A domain
-- that several clients name leads nowhere: then it takes the slug.
CREATE FUNCTION app.find_identity_provider(wanted text) RETURNS TABLE (client_id uuid, client text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH found AS (
    SELECT c.id, c.name, c.slug = wanted AS named FROM public.identity_providers p
    JOIN public.clients c ON c.id = p.client_id WHERE c.slug = wanted OR wanted = ANY (p.domains)
  )
  SELECT f.id, f.name FROM found f WHERE f.named OR (SELECT count(*) FROM found) = 1 ORDER BY f.named DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION app.find_identity_provider(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.find_identity_provider(text) TO wafaa_app;

RESET ROLE;
