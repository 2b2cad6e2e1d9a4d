CREATE TABLE staff_factors (
  client_id UUID NOT NULL,
  staff_id UUID NOT NULL,
  sealed BYTEA NOT NULL,
  last_step BIGINT DEFAULT 0 NOT NULL,
  confirmed_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff_factors PRIMARY KEY (client_id, staff_id),
  CONSTRAINT fk_staff_factors_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
ALTER TABLE staff_factors ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_factors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff_factors TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_factors TO wafaa_app;

CREATE TABLE staff_recovery_codes (
  client_id UUID NOT NULL,
  staff_id UUID NOT NULL,
  code_hash BYTEA NOT NULL,
  CONSTRAINT pk_staff_recovery_codes PRIMARY KEY (client_id, staff_id, code_hash),
  CONSTRAINT fk_staff_recovery_codes_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
ALTER TABLE staff_recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff_recovery_codes TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_recovery_codes TO wafaa_app;

CREATE TABLE sign_in_rules (
  client_id UUID NOT NULL,
  second_factor BOOLEAN DEFAULT false NOT NULL,
  CONSTRAINT pk_sign_in_rules PRIMARY KEY (client_id),
  CONSTRAINT fk_sign_in_rules_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE sign_in_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON sign_in_rules TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_rules TO wafaa_app;

-- Signing in looks at these before the client is known.
GRANT SELECT (client_id, staff_id, confirmed_at) ON staff_factors TO wafaa_definer;
GRANT SELECT ON sign_in_rules TO wafaa_definer;
CREATE POLICY definer ON staff_factors TO wafaa_definer USING (true);
CREATE POLICY definer ON sign_in_rules TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

DROP FUNCTION app.staff_by_email(text);
CREATE FUNCTION app.staff_by_email(wanted text)
RETURNS TABLE (client_id uuid, staff_id uuid, role text, password_hash text, name text, has_factor boolean, needs_factor boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.client_id, s.id, s.role, s.password_hash, s.name, f.confirmed_at IS NOT NULL, coalesce(r.second_factor, false)
  FROM public.staff s
  LEFT JOIN public.staff_factors f ON f.client_id = s.client_id AND f.staff_id = s.id
  LEFT JOIN public.sign_in_rules r ON r.client_id = s.client_id
  WHERE s.email = wanted AND s.is_active ORDER BY s.id LIMIT 1
$$;
REVOKE ALL ON FUNCTION app.staff_by_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.staff_by_email(text) TO wafaa_app;

RESET ROLE;
