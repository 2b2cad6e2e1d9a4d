CREATE TABLE staff_sessions (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  staff_id UUID NOT NULL,
  secret_hash BYTEA NOT NULL,
  stage VARCHAR NOT NULL,
  device VARCHAR NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff_sessions PRIMARY KEY (client_id, id),
  CONSTRAINT fk_staff_sessions_client_id_staff_id FOREIGN KEY(client_id, staff_id) REFERENCES staff (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_staff_sessions_secret_hash ON staff_sessions (secret_hash);
CREATE INDEX ix_staff_sessions_client_id_staff_id ON staff_sessions (client_id, staff_id);
ALTER TABLE staff_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff_sessions TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_sessions TO wafaa_app;

GRANT SELECT, DELETE ON staff_sessions TO wafaa_definer;
GRANT UPDATE (seen_at) ON staff_sessions TO wafaa_definer;
CREATE POLICY definer ON staff_sessions TO wafaa_definer USING (true) WITH CHECK (true);

SET ROLE wafaa_definer;

-- Access tokens live without the database; a mark ends those of a colleague or a session before their time. Kept for
-- longer than the longest token lives.
CREATE TABLE vault.token_marks (subject uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX ix_token_marks_at ON vault.token_marks (at);

-- The session behind a secret, if it is alive: whose, and how far it has come. Notes that it was used, once a minute.
CREATE FUNCTION app.resume_session(secret bytea, idle interval)
RETURNS TABLE (client_id uuid, session_id uuid, staff_id uuid, role text, name text, stage text, ends_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH found AS (
    SELECT s.client_id, s.id, s.staff_id, p.role, p.name, s.stage, s.ends_at, s.seen_at
    FROM public.staff_sessions s
    JOIN public.staff p ON p.client_id = s.client_id AND p.id = s.staff_id AND p.is_active
    JOIN public.clients c ON c.id = s.client_id AND c.is_active
    WHERE s.secret_hash = secret AND s.ends_at > clock_timestamp() AND s.seen_at > clock_timestamp() - idle
  ), noted AS (
    UPDATE public.staff_sessions s SET seen_at = clock_timestamp() FROM found f
    WHERE s.client_id = f.client_id AND s.id = f.id AND f.seen_at < clock_timestamp() - interval '1 minute'
  )
  SELECT f.client_id, f.id, f.staff_id, f.role, f.name, f.stage, f.ends_at FROM found f
$$;

-- Ends sessions of one colleague in the scope's client: one of them, or all but one. Their tokens end with them.
CREATE FUNCTION app.end_sessions(staff uuid, only_session uuid, spared_session uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH ended AS (
    DELETE FROM public.staff_sessions s
    WHERE s.client_id = (SELECT app.current_client()) AND s.staff_id = staff
      AND (only_session IS NULL OR s.id = only_session) AND s.id IS DISTINCT FROM spared_session
    RETURNING s.id
  ), marked AS (
    INSERT INTO vault.token_marks (subject) SELECT e.id FROM ended e
    UNION ALL SELECT p.id FROM public.staff p
    WHERE p.client_id = (SELECT app.current_client()) AND p.id = staff AND only_session IS NULL
  ), forgotten AS (
    DELETE FROM vault.token_marks WHERE at < clock_timestamp() - interval '1 hour'
  )
  SELECT count(*) FROM ended
$$;

-- What was ended of late: ids without a client, for every process that verifies tokens.
CREATE FUNCTION app.token_marks(since interval) RETURNS TABLE (subject uuid, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.subject, m.at FROM vault.token_marks m WHERE m.at > clock_timestamp() - since
$$;

REVOKE ALL ON FUNCTION app.resume_session(bytea, interval), app.end_sessions(uuid, uuid, uuid), app.token_marks(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.resume_session(bytea, interval), app.end_sessions(uuid, uuid, uuid), app.token_marks(interval) TO wafaa_app;

RESET ROLE;
