-- Ingress writes what contacts said before any tenant's scope is open, many clients' events in one transaction. This
-- function is its only door: it adds messages (contact, conversation, event and job with them) and does nothing else.
-- It can add to any client: who may call it has verified whose account an event came in on.
GRANT SELECT, INSERT ON contacts, contact_addresses, conversations, inbound_events, conversation_events TO wafaa_definer;
GRANT UPDATE (last_seq, last_contact_seq, last_message_at, window_expires_at, status) ON conversations TO wafaa_definer;
GRANT UPDATE (value) ON contact_addresses TO wafaa_definer;
GRANT DELETE ON contacts TO wafaa_definer;
GRANT INSERT ON messages, attachments, lanes, jobs TO wafaa_definer;
CREATE POLICY definer ON contacts TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON contact_addresses TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON conversations TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON conversation_events TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON inbound_events TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON messages TO wafaa_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON attachments TO wafaa_definer USING (true) WITH CHECK (true);

SET ROLE wafaa_definer;

CREATE FUNCTION app.receive(arrivals jsonb)
RETURNS TABLE (place int, message_id uuid, conversation_id uuid, seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  a record;
  contact uuid;
  talk uuid;
  number bigint;
BEGIN
  -- One order for everybody: two simultaneous calls wait for each other, not in a circle.
  FOR a IN
    SELECT * FROM jsonb_to_recordset(arrivals) AS r(
      place int, client_id uuid, account_id uuid, event_key text, kinds jsonb, addresses jsonb, name text,
      contact_id uuid, conversation_id uuid, message_id uuid, job_id uuid, kind text, text text, content jsonb,
      platform_message_id text, occurred_at timestamptz, window_hours int, quiet float8, attachments jsonb, message jsonb)
    ORDER BY r.client_id, r.account_id, r.addresses ->> 0, r.place
  LOOP
    INSERT INTO public.inbound_events (client_id, account_id, event_key) VALUES (a.client_id, a.account_id, a.event_key)
    ON CONFLICT DO NOTHING;
    CONTINUE WHEN NOT FOUND;

    SELECT c.contact_id INTO contact FROM jsonb_array_elements_text(a.addresses) WITH ORDINALITY AS w(value, n)
    JOIN public.contact_addresses c ON c.client_id = a.client_id AND c.account_id = a.account_id
      AND c.kind = a.kinds ->> (w.n - 1)::int AND c.value = w.value
    ORDER BY w.n LIMIT 1;
    IF contact IS NULL THEN
      INSERT INTO public.contacts (client_id, id, display_name) VALUES (a.client_id, a.contact_id, a.name);
      INSERT INTO public.contact_addresses AS c (client_id, account_id, kind, value, contact_id)
      VALUES (a.client_id, a.account_id, a.kinds ->> 0, a.addresses ->> 0, a.contact_id)
      ON CONFLICT (client_id, account_id, kind, value) DO UPDATE SET value = excluded.value
      RETURNING c.contact_id INTO contact;
      IF contact <> a.contact_id THEN  -- Somebody else was faster with the same contact.
        DELETE FROM public.contacts WHERE client_id = a.client_id AND id = a.contact_id;
      END IF;
    END IF;
    IF jsonb_array_length(a.addresses) > 1 THEN
      INSERT INTO public.contact_addresses (client_id, account_id, kind, value, contact_id)
      SELECT a.client_id, a.account_id, a.kinds ->> (w.n - 1)::int, w.value, contact
      FROM jsonb_array_elements_text(a.addresses) WITH ORDINALITY AS w(value, n)
      ON CONFLICT DO NOTHING;
    END IF;

    INSERT INTO public.conversations AS c (
      client_id, id, account_id, contact_id, last_seq, last_contact_seq, last_message_at, window_expires_at)
    VALUES (a.client_id, a.conversation_id, a.account_id, contact, 1, CASE WHEN a.quiet IS NULL THEN 0 ELSE 1 END,
      a.occurred_at, a.occurred_at + make_interval(hours => a.window_hours))
    ON CONFLICT (client_id, account_id, contact_id) WHERE status = 'open' DO UPDATE SET
      last_seq = c.last_seq + 1,
      -- An old message makes no draft outdated: nobody will answer it.
      last_contact_seq = CASE WHEN a.quiet IS NULL THEN c.last_contact_seq ELSE c.last_seq + 1 END,
      last_message_at = greatest(c.last_message_at, a.occurred_at),
      window_expires_at = CASE WHEN a.window_hours IS NOT NULL
        THEN greatest(c.window_expires_at, a.occurred_at + make_interval(hours => a.window_hours)) END
    RETURNING c.id, c.last_seq INTO talk, number;

    INSERT INTO public.conversation_events (client_id, conversation_id, seq, type, data) VALUES (
      a.client_id, talk, number, 'message.created',
      jsonb_build_object('message', a.message || jsonb_build_object('conversation_id', talk)));
    INSERT INTO public.messages (client_id, id, conversation_id, seq, author, kind, text, content, platform_message_id,
      occurred_at, is_stale)
    VALUES (a.client_id, a.message_id, talk, number, 'contact', a.kind, a.text, a.content, a.platform_message_id,
      a.occurred_at, a.quiet IS NULL);
    IF a.attachments IS NOT NULL THEN
      INSERT INTO public.attachments (client_id, id, message_id, kind, media_id, url, mime_type, sha256, filename, caption)
      SELECT a.client_id, m.id, a.message_id, m.kind, m.media_id, m.url, m.mime_type, m.sha256, m.filename, m.caption
      FROM jsonb_to_recordset(a.attachments) AS m(id uuid, kind text, media_id text, url text, mime_type text, sha256 text,
        filename text, caption text);
    END IF;
    IF a.quiet IS NOT NULL THEN
      INSERT INTO public.jobs (client_id, id, lane_id, kind, payload, due_at) VALUES (
        a.client_id, a.job_id, talk, 'answer_message',
        jsonb_build_object('conversation_id', talk, 'message_id', a.message_id),
        clock_timestamp() + make_interval(secs => a.quiet));
      INSERT INTO public.lanes AS l (client_id, id, queue, due_at)
      VALUES (a.client_id, talk, 'chat', clock_timestamp() + make_interval(secs => a.quiet))
      ON CONFLICT (client_id, id) DO UPDATE SET due_at = coalesce(l.due_at, excluded.due_at);
      PERFORM pg_notify('wafaa_lanes', 'chat');
    END IF;
    PERFORM pg_notify('wafaa_events', talk::text);
    place := a.place; message_id := a.message_id; conversation_id := talk; seq := number;
    RETURN NEXT;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION app.receive(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.receive(jsonb) TO wafaa_app;

RESET ROLE;
