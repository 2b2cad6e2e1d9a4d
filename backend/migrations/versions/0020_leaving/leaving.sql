ALTER TABLE clients ADD erase_at timestamptz;

-- A copy of everything, for a day: of a client, or of one contact.
CREATE TABLE exports (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  contact_id UUID,
  requested_by VARCHAR NOT NULL,
  state VARCHAR DEFAULT 'pending' NOT NULL,
  size BIGINT DEFAULT 0 NOT NULL,
  ready_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_exports PRIMARY KEY (client_id, id),
  CONSTRAINT fk_exports_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE exports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON exports TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON exports TO wafaa_app;

CREATE TABLE export_parts (
  client_id UUID NOT NULL,
  export_id UUID NOT NULL,
  ordinal INTEGER NOT NULL,
  data BYTEA NOT NULL,
  CONSTRAINT pk_export_parts PRIMARY KEY (client_id, export_id, ordinal),
  CONSTRAINT fk_export_parts_client_id_export_id FOREIGN KEY(client_id, export_id) REFERENCES exports (client_id, id) ON DELETE CASCADE
);
ALTER TABLE export_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE export_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON export_parts TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, DELETE ON export_parts TO wafaa_app;

-- What a contact agreed to or refused, when, how, and with which words of ours. Rows are added, and go with the contact.
CREATE TABLE consents (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  contact_id UUID NOT NULL,
  purpose VARCHAR NOT NULL,
  granted BOOLEAN NOT NULL,
  source VARCHAR NOT NULL,
  wording VARCHAR NOT NULL,
  message_id UUID,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_consents PRIMARY KEY (client_id, id),
  CONSTRAINT fk_consents_client_id_contact_id FOREIGN KEY(client_id, contact_id) REFERENCES contacts (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_consents_client_id_contact_id ON consents (client_id, contact_id);
ALTER TABLE consents ENABLE ROW LEVEL SECURITY;
ALTER TABLE consents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON consents TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON consents TO wafaa_app;

GRANT DELETE ON clients, inbound_events TO wafaa_definer;

SET ROLE wafaa_definer;

-- Whose time has come to be erased.
CREATE FUNCTION app.clients_to_erase() RETURNS TABLE (client_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id FROM public.clients c WHERE c.erase_at <= clock_timestamp()
$$;

-- Erases the scope's own client, if its time has come: all of its rows but those of its audit log, and its empty keys.
CREATE FUNCTION app.erase_client() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone uuid;
BEGIN
  SELECT c.id INTO gone FROM public.clients c
  WHERE c.id = (SELECT app.current_client()) AND c.erase_at <= clock_timestamp();
  IF gone IS NULL THEN
    RETURN false;
  END IF;
  DELETE FROM vault.channel_routes r WHERE r.client_id = gone;
  DELETE FROM vault.web_origins w WHERE w.client_id = gone;
  DELETE FROM public.inbound_events e WHERE e.client_id = gone;
  DELETE FROM public.clients c WHERE c.id = gone;
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION app.clients_to_erase(), app.erase_client() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.clients_to_erase(), app.erase_client() TO wafaa_app;

-- As before, by the name that the setting has.
CREATE OR REPLACE FUNCTION app.drop_partitions() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  kept interval;
  t record;
  p record;
BEGIN
  SELECT make_interval(days => greatest(max(r.days), 31)) INTO kept FROM (
    SELECT (c.settings #>> '{retention,messages}')::int AS days FROM public.clients c) r
  HAVING bool_and(r.days IS NOT NULL);
  IF kept IS NULL OR NOT pg_try_advisory_xact_lock(hashtext('wafaa partitions')) THEN
    RETURN;
  END IF;
  FOR t IN SELECT d.name, d.key, d.key_type FROM vault.partitioned d ORDER BY d.place LOOP
    FOR p IN SELECT o.part::text AS part FROM vault.partitions(t.name) o
      WHERE o.high <= least(vault.bound(t.key_type, now() - kept), vault.bound(t.key_type, now() - interval '31 days'))
    LOOP
      EXECUTE format('ALTER TABLE public.%I DETACH PARTITION %s', t.name, p.part);
      EXECUTE format('DROP TABLE %s', p.part);
      RETURN NEXT p.part;
    END LOOP;
    EXECUTE format('DELETE FROM parts.%I WHERE %I < %s', t.name || '_rest', t.key, vault.bound(t.key_type, now() - kept));
  END LOOP;
END $$;

-- What nobody asked for goes the longer way, where the contact's word is looked at.
CREATE OR REPLACE FUNCTION app.intend(token text, client uuid, talk uuid, message uuid, least_seconds float8) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c record;
  m record;
BEGIN
  PERFORM app.enter(token);
  -- The conversation is locked first, as everywhere; what the contact says from now on comes after this reply.
  SELECT o.* INTO c FROM public.conversations o WHERE o.client_id = client AND o.id = talk FOR UPDATE;
  SELECT o.* INTO m FROM public.messages o WHERE o.client_id = client AND o.id = message FOR UPDATE;
  IF c.id IS NULL OR m.id IS NULL OR m.delivery_state IS DISTINCT FROM 'queued'
      OR c.window_expires_at < clock_timestamp() + make_interval(secs => least_seconds)
      OR m.author = 'assistant' AND (m.reply_to_id IS NULL OR c.owner = 'agent' OR c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)
      OR NOT EXISTS (SELECT FROM public.contact_addresses d
        WHERE d.client_id = client AND d.account_id = c.account_id AND d.contact_id = c.contact_id) THEN
    RETURN NULL;
  END IF;
  UPDATE public.messages o SET delivery_state = 'sending', delivery_error = NULL, sending_since = clock_timestamp()
  WHERE o.client_id = client AND o.id = message;
  RETURN (SELECT jsonb_build_object('language', m.language, 'said', m.said, 'account', to_jsonb(a),
    'original', (SELECT jsonb_build_object('id', o.id, 'said', o.said) FROM public.messages o
      WHERE o.client_id = client AND o.id = m.reply_to_id),
    'addresses', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'key', d.key, 'value', d.value)
      ORDER BY d.created_at DESC), '[]') FROM public.contact_addresses d
      WHERE d.client_id = client AND d.account_id = c.account_id AND d.contact_id = c.contact_id))
    FROM public.channel_configs a WHERE a.client_id = client AND a.id = c.account_id);
END $$;

RESET ROLE;
