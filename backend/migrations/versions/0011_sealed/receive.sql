-- As before, but what people said comes in sealed, and what rows are looked up by are keyed hashes.
REVOKE UPDATE (value) ON contact_addresses FROM wafaa_definer;
GRANT UPDATE (kind) ON contact_addresses TO wafaa_definer;
SET ROLE wafaa_definer;

-- Signing keys are wrapped by the key service now; one that was sealed otherwise is made anew when it is first asked for.
DELETE FROM vault.signing_keys WHERE under = '';

CREATE OR REPLACE FUNCTION app.receive(arrivals jsonb)
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
      place int, client_id uuid, account_id uuid, event_key bytea, kinds jsonb, keys jsonb, addresses jsonb, name bytea,
      contact_id uuid, conversation_id uuid, message_id uuid, job_id uuid, kind text, said bytea, platform_key bytea,
      occurred_at timestamptz, window_hours int, quiet float8, attachments jsonb)
    ORDER BY r.client_id, r.account_id, r.keys ->> 0, r.place
  LOOP
    INSERT INTO public.inbound_events (client_id, account_id, event_key) VALUES (a.client_id, a.account_id, a.event_key)
    ON CONFLICT DO NOTHING;
    CONTINUE WHEN NOT FOUND;

    SELECT c.contact_id INTO contact FROM jsonb_array_elements_text(a.keys) WITH ORDINALITY AS w(key, n)
    JOIN public.contact_addresses c ON c.client_id = a.client_id AND c.account_id = a.account_id
      AND c.kind = a.kinds ->> (w.n - 1)::int AND c.key = w.key::bytea
    ORDER BY w.n LIMIT 1;
    IF contact IS NULL THEN
      INSERT INTO public.contacts (client_id, id, name) VALUES (a.client_id, a.contact_id, a.name);
      INSERT INTO public.contact_addresses AS c (client_id, account_id, kind, key, value, contact_id)
      VALUES (a.client_id, a.account_id, a.kinds ->> 0, (a.keys ->> 0)::bytea, (a.addresses ->> 0)::bytea, a.contact_id)
      ON CONFLICT (client_id, account_id, kind, key) DO UPDATE SET kind = excluded.kind
      RETURNING c.contact_id INTO contact;
      IF contact <> a.contact_id THEN  -- Somebody else was faster with the same contact.
        DELETE FROM public.contacts WHERE client_id = a.client_id AND id = a.contact_id;
      END IF;
    END IF;
    IF jsonb_array_length(a.addresses) > 1 THEN
      INSERT INTO public.contact_addresses (client_id, account_id, kind, key, value, contact_id)
      SELECT a.client_id, a.account_id, a.kinds ->> (w.n - 1)::int, w.key::bytea, (a.addresses ->> (w.n - 1)::int)::bytea,
        contact
      FROM jsonb_array_elements_text(a.keys) WITH ORDINALITY AS w(key, n)
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

    INSERT INTO public.conversation_events (client_id, conversation_id, seq, id, type, message_id)
    VALUES (a.client_id, talk, number, a.message_id, 'message.created', a.message_id);
    INSERT INTO public.messages (client_id, id, conversation_id, seq, author, kind, said, platform_key, occurred_at,
      is_stale)
    VALUES (a.client_id, a.message_id, talk, number, 'contact', a.kind, a.said, a.platform_key, a.occurred_at,
      a.quiet IS NULL);
    IF a.attachments IS NOT NULL THEN
      INSERT INTO public.attachments (client_id, id, message_id, kind, medium)
      SELECT a.client_id, m.id, a.message_id, m.kind, m.medium
      FROM jsonb_to_recordset(a.attachments) AS m(id uuid, kind text, medium bytea);
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

RESET ROLE;
