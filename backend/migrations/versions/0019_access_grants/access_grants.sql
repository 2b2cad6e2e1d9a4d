CREATE TABLE access_grants (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  staff_id UUID NOT NULL,
  staff_name VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  hours INTEGER NOT NULL,
  state VARCHAR NOT NULL,
  granted_by UUID,
  ends_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_access_grants PRIMARY KEY (client_id, id),
  CONSTRAINT fk_access_grants_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX ix_access_grants_staff_id ON access_grants (staff_id);
ALTER TABLE access_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON access_grants TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE ON access_grants TO wafaa_app;

GRANT SELECT ON access_grants TO wafaa_definer;
CREATE POLICY definer ON access_grants TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

-- One of ours, by e-mail address: an owner names whom they let in.
CREATE FUNCTION app.platform_staff(wanted text) RETURNS TABLE (staff_id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.id, s.name FROM public.staff s WHERE s.email = wanted AND s.role = 'platform' AND s.is_active ORDER BY s.id LIMIT 1
$$;

-- Where one of ours was let in, or asked to be: the grants themselves, nothing of what is the clients'.
CREATE FUNCTION app.grants_of(staff uuid)
RETURNS TABLE (id uuid, client_id uuid, client text, reason text, hours int, state text, ends_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.id, g.client_id, c.slug, g.reason, g.hours, g.state, g.ends_at, g.created_at FROM public.access_grants g
  JOIN public.clients c ON c.id = g.client_id WHERE g.staff_id = staff ORDER BY g.id DESC LIMIT 500
$$;
REVOKE ALL ON FUNCTION app.platform_staff(text), app.grants_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.platform_staff(text), app.grants_of(uuid) TO wafaa_app;

RESET ROLE;
