-- The look-ups that work before a tenant is known, or for all: each narrow, each on the allow-list that the lint reads.
-- Their owner sees exactly these tables, through policies of its own.
GRANT SELECT ON clients, staff, channel_configs TO wafaa_definer;
GRANT SELECT, UPDATE ON lanes, jobs TO wafaa_definer;
CREATE POLICY definer ON clients TO wafaa_definer USING (true);
CREATE POLICY definer ON staff TO wafaa_definer USING (true);
CREATE POLICY definer ON channel_configs TO wafaa_definer USING (true);
CREATE POLICY definer ON lanes TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON jobs TO wafaa_definer USING (true) WITH CHECK (true);

SET ROLE wafaa_definer;

CREATE FUNCTION app.client_by_slug(wanted text) RETURNS TABLE (id uuid, name text, slug text, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.name, c.slug, c.is_active FROM public.clients c WHERE c.slug = wanted
$$;

CREATE FUNCTION app.list_clients() RETURNS TABLE (id uuid, name text, slug text, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.name, c.slug, c.is_active FROM public.clients c
$$;

CREATE FUNCTION app.staff_by_email(wanted text)
RETURNS TABLE (client_id uuid, staff_id uuid, role text, password_hash text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.client_id, s.id, s.role, s.password_hash, s.name FROM public.staff s
  JOIN public.clients c ON c.id = s.client_id
  WHERE s.email = wanted AND s.is_active AND c.is_active ORDER BY s.id LIMIT 1
$$;

CREATE FUNCTION app.find_channel(wanted_kind text, wanted_id text) RETURNS TABLE (client_id uuid, account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.client_id, r.account_id FROM vault.channel_routes r
  JOIN public.clients c ON c.id = r.client_id AND c.is_active
  WHERE r.kind = wanted_kind AND r.external_id = wanted_id
$$;

-- Claims a platform's account for the client whose scope this is; false when another account has it.
CREATE FUNCTION app.claim_route(new_kind text, new_id text, new_account uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH claimed AS (
    INSERT INTO vault.channel_routes (kind, external_id, client_id, account_id)
    SELECT new_kind, new_id, c.client_id, new_account FROM (SELECT app.current_client()) c(client_id)
    WHERE c.client_id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING 1
  ) SELECT EXISTS (SELECT FROM claimed)
$$;

-- Gives up the route of one of the scope's own accounts.
CREATE FUNCTION app.release_route(old_account uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.channel_routes WHERE account_id = old_account AND client_id = (SELECT app.current_client())
$$;

-- Replaces the web pages that may show one of the scope's own chats.
CREATE FUNCTION app.set_web_origins(account uuid, origins text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.web_origins WHERE account_id = account AND client_id = (SELECT app.current_client());
  INSERT INTO vault.web_origins (origin, account_id, client_id)
  SELECT o, c.id, c.client_id FROM unnest(origins) AS o
  JOIN public.channel_configs c ON c.id = account AND c.client_id = (SELECT app.current_client())
  ON CONFLICT DO NOTHING;
$$;

-- Whether a web page may show a chat; with no account, whether it may show any.
CREATE FUNCTION app.web_origin_allowed(page text, account uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM vault.web_origins WHERE origin = page AND (account IS NULL OR account_id = account))
$$;

-- Takes due lanes for a lease, clients in turn: first everybody's first, then everybody's second.
CREATE FUNCTION app.claim_lanes(wanted text[], most int, lease_seconds float8)
RETURNS TABLE (client_id uuid, lane_id uuid, fence bigint, job_id uuid, kind text, payload jsonb, attempts int)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH due AS (
    SELECT l.client_id, l.id, l.due_at FROM public.lanes l
    WHERE l.queue = ANY (wanted) AND l.due_at <= clock_timestamp()
      AND (l.lease_until IS NULL OR l.lease_until < clock_timestamp())
    ORDER BY l.due_at LIMIT 1000
  ), turns AS (
    SELECT d.client_id, d.id FROM due d
    ORDER BY row_number() OVER (PARTITION BY d.client_id ORDER BY d.due_at), d.due_at LIMIT most * 4
  ), locked AS (
    SELECT l.client_id, l.id FROM public.lanes l JOIN turns t ON t.client_id = l.client_id AND t.id = l.id
    WHERE l.due_at <= clock_timestamp() AND (l.lease_until IS NULL OR l.lease_until < clock_timestamp())
    LIMIT most FOR UPDATE OF l SKIP LOCKED
  ), taken AS (
    UPDATE public.lanes l SET fence = l.fence + 1,
      lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    FROM locked k WHERE l.client_id = k.client_id AND l.id = k.id RETURNING l.client_id, l.id, l.fence
  )
  UPDATE public.jobs j SET attempts = j.attempts + 1
  FROM taken t WHERE j.client_id = t.client_id AND j.id = (
    SELECT f.id FROM public.jobs f WHERE f.client_id = t.client_id AND f.lane_id = t.id AND f.state = 'pending'
    ORDER BY f.id LIMIT 1)
  RETURNING j.client_id, j.lane_id, t.fence, j.id, j.kind, j.payload, j.attempts
$$;

CREATE FUNCTION app.seconds_to_next_lane(wanted text[]) RETURNS float8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT extract(epoch FROM min(greatest(l.due_at, coalesce(l.lease_until, l.due_at))) - clock_timestamp())::float8
  FROM public.lanes l WHERE l.queue = ANY (wanted) AND l.due_at IS NOT NULL
$$;

CREATE FUNCTION app.lane_backlog() RETURNS TABLE (queue text, lanes bigint, oldest float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.queue, count(*), coalesce(extract(epoch FROM clock_timestamp() - min(l.due_at)), 0)::float8
  FROM public.lanes l WHERE l.due_at <= clock_timestamp() GROUP BY l.queue
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO wafaa_app;

RESET ROLE;
