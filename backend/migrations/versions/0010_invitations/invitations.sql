CREATE TABLE staff_tickets (
  client_id UUID NOT NULL,
  staff_id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  token_hash BYTEA NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff_tickets PRIMARY KEY (client_id, staff_id, kind),
  CONSTRAINT fk_staff_tickets_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_staff_tickets_token_hash ON staff_tickets (token_hash);
ALTER TABLE staff_tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_tickets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff_tickets TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_tickets TO wafaa_app;

GRANT SELECT ON staff_tickets TO wafaa_definer;
CREATE POLICY definer ON staff_tickets TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

-- The ticket behind a token that somebody got by e-mail, if it is still good: whose, and what it opens.
CREATE FUNCTION app.find_ticket(token bytea)
RETURNS TABLE (client_id uuid, staff_id uuid, kind text, email text, name text, client text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.client_id, t.staff_id, t.kind, s.email, s.name, c.name FROM public.staff_tickets t
  JOIN public.staff s ON s.client_id = t.client_id AND s.id = t.staff_id AND s.is_active
  JOIN public.clients c ON c.id = t.client_id
  WHERE t.token_hash = token AND t.ends_at > clock_timestamp()
$$;
REVOKE ALL ON FUNCTION app.find_ticket(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.find_ticket(bytea) TO wafaa_app;

RESET ROLE;
