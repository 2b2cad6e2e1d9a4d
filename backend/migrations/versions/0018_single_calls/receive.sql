-- As before, in fewer statements: the ledger is written once a batch, contacts and conversations one after the other, as
-- they lock each other, and everything that follows from them once a batch again.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.receive(arrivals jsonb)
RETURNS TABLE (place int, message_id uuid, conversation_id uuid, seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  a record;
  contact uuid;
  talk uuid;
  number bigint;
  places int[] := '{}';
  talks uuid[] := '{}';
  numbers bigint[] := '{}';
BEGIN
  -- One order for everybody: two simultaneous calls wait for each other, not in a circle. First all event keys, then all
  -- contacts and conversations.
  FOR a IN
    WITH told AS MATERIALIZED (
      SELECT DISTINCT ON (r.client_id, r.account_id, r.event_key) r.* FROM jsonb_to_recordset(arrivals) AS r(
        place int, client_id uuid, account_id uuid, event_key bytea, kinds jsonb, keys jsonb, addresses jsonb, name bytea,
        contact_id uuid, conversation_id uuid, occurred_at timestamptz, window_hours int, quiet float8)
      ORDER BY r.client_id, r.account_id, r.event_key, r.place
    ), fresh AS (
      INSERT INTO public.inbound_events (client_id, account_id, event_key)
      SELECT t.client_id, t.account_id, t.event_key FROM told t ORDER BY t.client_id, t.account_id, t.event_key
      ON CONFLICT DO NOTHING RETURNING client_id, account_id, event_key
    )
    SELECT t.*, w.contact, w.known FROM told t
    JOIN fresh f ON f.client_id = t.client_id AND f.account_id = t.account_id AND f.event_key = t.event_key,
    LATERAL (SELECT (array_agg(c.contact_id ORDER BY k.n))[1] AS contact, count(*) AS known
      FROM jsonb_array_elements_text(t.keys) WITH ORDINALITY AS k(key, n)
      JOIN public.contact_addresses c ON c.client_id = t.client_id AND c.account_id = t.account_id
        AND c.kind = t.kinds ->> (k.n - 1)::int AND c.key = k.key::bytea) w
    ORDER BY t.client_id, t.account_id, t.keys ->> 0, t.place
  LOOP
    contact := a.contact;
    IF contact IS NULL THEN  -- Somebody new, unless an arrival of the same batch has made them known just now.
      SELECT c.contact_id INTO contact FROM jsonb_array_elements_text(a.keys) WITH ORDINALITY AS w(key, n)
      JOIN public.contact_addresses c ON c.client_id = a.client_id AND c.account_id = a.account_id
        AND c.kind = a.kinds ->> (w.n - 1)::int AND c.key = w.key::bytea
      ORDER BY w.n LIMIT 1;
    END IF;
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
    IF a.known < jsonb_array_length(a.addresses) AND jsonb_array_length(a.addresses) > 1 THEN
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
    places := places || a.place;
    talks := talks || talk;
    numbers := numbers || number;
  END LOOP;
  IF places = '{}' THEN
    RETURN;  -- Nothing of it was new.
  END IF;

  RETURN QUERY
  WITH done AS MATERIALIZED (
    SELECT r.*, w.talk, w.number FROM jsonb_to_recordset(arrivals) AS r(
      place int, client_id uuid, message_id uuid, job_id uuid, kind text, said bytea, platform_key bytea,
      occurred_at timestamptz, quiet float8, attachments jsonb)
    JOIN unnest(places, talks, numbers) AS w(place, talk, number) ON w.place = r.place
  ), events AS (
    INSERT INTO public.conversation_events (client_id, conversation_id, seq, id, type, message_id)
    SELECT d.client_id, d.talk, d.number, d.message_id, 'message.created', d.message_id FROM done d
  ), messages AS (
    INSERT INTO public.messages (client_id, id, conversation_id, seq, author, kind, said, platform_key, occurred_at,
      is_stale)
    SELECT d.client_id, d.message_id, d.talk, d.number, 'contact', d.kind, d.said, d.platform_key, d.occurred_at,
      d.quiet IS NULL FROM done d
  ), media AS (
    INSERT INTO public.attachments (client_id, id, message_id, kind, medium)
    SELECT d.client_id, m.id, d.message_id, m.kind, m.medium
    FROM done d, jsonb_to_recordset(d.attachments) AS m(id uuid, kind text, medium bytea)
  ), jobs AS (
    INSERT INTO public.jobs (client_id, id, lane_id, kind, payload, due_at)
    SELECT d.client_id, d.job_id, d.talk, 'answer_message',
      jsonb_build_object('conversation_id', d.talk, 'message_id', d.message_id),
      clock_timestamp() + make_interval(secs => d.quiet) FROM done d WHERE d.quiet IS NOT NULL
  ), lanes AS (
    INSERT INTO public.lanes AS l (client_id, id, queue, due_at)
    SELECT DISTINCT ON (d.client_id, d.talk) d.client_id, d.talk, 'chat', clock_timestamp() + make_interval(secs => d.quiet)
    FROM done d WHERE d.quiet IS NOT NULL ORDER BY d.client_id, d.talk, d.number
    ON CONFLICT (client_id, id) DO UPDATE SET due_at = coalesce(l.due_at, excluded.due_at)
    RETURNING pg_notify('wafaa_lanes', 'chat')
  )
  SELECT d.place, d.message_id, d.talk, d.number FROM done d, LATERAL (SELECT pg_notify('wafaa_events', d.talk::text)) n;
END $$;

RESET ROLE;
