-- The present text of app.receive: whoever changes it adds a migration that runs this file again.
--
-- What contacts said is written, with the work it makes necessary: many clients' at once, in one transaction. Each array
-- has one element an arrival; addresses and media stand in arrays of their own and name their arrival by its place, from 1.
-- One order for everybody, so that two simultaneous calls wait for each other and never in a circle: first all event keys,
-- then all addresses, then all conversations, then all lanes.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.receive(
  clients uuid[], accounts uuid[], event_keys bytea[], contacts uuid[], names bytea[], conversations uuid[],
  messages uuid[], jobs uuid[], kinds text[], said bytea[], platform_keys bytea[], occurred timestamptz[],
  windows timestamptz[], quiets float8[],
  address_places int[], address_kinds text[], address_keys bytea[], address_values bytea[],
  media_places int[], media_ids uuid[], media_kinds text[], media bytea[])
RETURNS TABLE (place int, conversation_id uuid, seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  fresh int[];  -- The arrivals that nobody told before,
  whose uuid[];  -- and the contact of each, by its place.
  lacking int[];  -- The places of which an address isn't known,
  made int[];  -- and those whose contacts were made here.
  ours boolean := false;  -- Whether nobody else has any of those addresses.
BEGIN
  WITH arrived AS (
    SELECT * FROM unnest(clients, accounts, event_keys) WITH ORDINALITY AS a(client_id, account_id, event_key, place)
  ), entered AS (
    INSERT INTO public.inbound_events (client_id, account_id, event_key)
    SELECT DISTINCT client_id, account_id, event_key FROM arrived ORDER BY client_id, account_id, event_key
    ON CONFLICT DO NOTHING RETURNING client_id, account_id, event_key
  )
  SELECT array_agg(first ORDER BY first) INTO fresh FROM (
    SELECT min(a.place)::int AS first FROM entered e
    JOIN arrived a ON a.client_id = e.client_id AND a.account_id = e.account_id AND a.event_key = e.event_key
    GROUP BY e.client_id, e.account_id, e.event_key) f;
  IF fresh IS NULL THEN
    RETURN;
  END IF;

  -- Contacts are found by any of their addresses, the most durable first. Who lacks one is given it, and made where none
  -- is known. If all of these were new they are ours; else they are looked for once more, and found: with the contact made
  -- here, or with one that a simultaneous call has made.
  FOR round IN 1..2 LOOP
    WITH found AS (
      SELECT a.place, bool_or(c.contact_id IS NULL) AS more,
        (array_agg(c.contact_id ORDER BY a.n) FILTER (WHERE c.contact_id IS NOT NULL))[1] AS contact
      FROM unnest(address_places, address_kinds, address_keys) WITH ORDINALITY AS a(place, kind, key, n)
      LEFT JOIN LATERAL (
        SELECT c.contact_id FROM public.contact_addresses c
        WHERE c.client_id = clients[a.place] AND c.account_id = accounts[a.place] AND c.kind = a.kind AND c.key = a.key
        LIMIT 1) c ON true
      WHERE a.place = ANY (fresh) GROUP BY a.place
    )
    SELECT array_agg(f.contact ORDER BY p.place), array_agg(p.place) FILTER (WHERE f.more) INTO whose, lacking
    FROM generate_subscripts(clients, 1) AS p(place) LEFT JOIN found f ON f.place = p.place;
    EXIT WHEN round = 2 OR lacking IS NULL;

    -- Where arrivals share an address, the one that names most addresses says whose it is.
    WITH chosen AS MATERIALIZED (
      SELECT DISTINCT ON (client_id, account_id, kind, key) * FROM (
        SELECT a.place, a.kind, a.key, a.value, clients[a.place] AS client_id, accounts[a.place] AS account_id,
          coalesce(whose[a.place], contacts[a.place]) AS contact_id, count(*) OVER (PARTITION BY a.place) AS many
        FROM unnest(address_places, address_kinds, address_keys, address_values) AS a(place, kind, key, value)
        WHERE a.place = ANY (lacking)) a
      ORDER BY client_id, account_id, kind, key, many DESC, place
    ), people AS (
      INSERT INTO public.contacts (client_id, id, name)
      SELECT client_id, contact_id, names[min(place)] FROM chosen WHERE whose[place] IS NULL
      GROUP BY client_id, contact_id
    ), places AS (
      INSERT INTO public.contact_addresses (client_id, account_id, kind, key, value, contact_id)
      SELECT client_id, account_id, kind, key, value, contact_id FROM chosen ORDER BY client_id, account_id, kind, key
      ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT array_agg(DISTINCT place) FILTER (WHERE whose[place] IS NULL),
      (SELECT count(*) FROM places) = (SELECT count(*) FROM unnest(address_places) AS a(place) WHERE a.place = ANY (lacking))
    INTO made, ours FROM chosen;
    IF ours THEN
      SELECT array_agg(CASE WHEN p.place = ANY (made) THEN contacts[p.place] ELSE whose[p.place] END ORDER BY p.place)
      INTO whose FROM generate_subscripts(clients, 1) AS p(place);
      EXIT;
    END IF;
  END LOOP;
  IF NOT ours AND EXISTS (SELECT FROM unnest(made) AS o(place) WHERE array_position(whose, contacts[o.place]) IS NULL) THEN
    -- Somebody else was faster with the same contact. Ids alone don't tell which is meant: another client may have the same.
    DELETE FROM public.contacts c USING unnest(made) AS o(place)
    WHERE c.client_id = clients[o.place] AND c.id = contacts[o.place] AND array_position(whose, c.id) IS NULL;
  END IF;

  -- Whoever called tells listeners afterwards: whoever notifies here makes all who do wait until this rests on the disk.
  RETURN QUERY WITH new AS MATERIALIZED (
    SELECT a.*, row_number() OVER (PARTITION BY a.client_id, a.account_id, a.contact_id ORDER BY a.place) AS nth
    FROM (
      SELECT p.place, clients[p.place] AS client_id, accounts[p.place] AS account_id, whose[p.place] AS contact_id,
        occurred[p.place] AS occurred_at, windows[p.place] AS window_expires_at, quiets[p.place] AS quiet
      FROM unnest(fresh) AS p(place)) a
  ), talks AS (
    INSERT INTO public.conversations AS c (
      client_id, id, account_id, contact_id, last_seq, last_contact_seq, last_message_at, window_expires_at)
    SELECT client_id, conversations[min(place)], account_id, contact_id, count(*),
      coalesce(max(nth) FILTER (WHERE quiet IS NOT NULL), 0), max(occurred_at), max(window_expires_at)
    FROM new GROUP BY client_id, account_id, contact_id ORDER BY client_id, account_id, contact_id
    ON CONFLICT (client_id, account_id, contact_id) WHERE status = 'open' DO UPDATE SET
      last_seq = c.last_seq + excluded.last_seq,
      -- An old message makes no draft outdated: nobody will answer it.
      last_contact_seq = CASE WHEN excluded.last_contact_seq = 0 THEN c.last_contact_seq
        ELSE c.last_seq + excluded.last_contact_seq END,
      last_message_at = greatest(c.last_message_at, excluded.last_message_at),
      window_expires_at = CASE WHEN excluded.window_expires_at IS NOT NULL
        THEN greatest(c.window_expires_at, excluded.window_expires_at) END
    RETURNING c.client_id, c.id, c.account_id, c.contact_id, c.last_seq
  ), done AS MATERIALIZED (
    SELECT n.place, n.client_id, n.quiet, n.occurred_at, t.id AS talk,
      t.last_seq - count(*) OVER (PARTITION BY t.client_id, t.id) + n.nth AS number
    FROM new n JOIN talks t ON t.client_id = n.client_id AND t.account_id = n.account_id AND t.contact_id = n.contact_id
  ), events AS (
    INSERT INTO public.conversation_events (client_id, conversation_id, seq, id, type, message_id)
    SELECT d.client_id, d.talk, d.number, messages[d.place], 'message.created', messages[d.place] FROM done d
  ), written AS (
    INSERT INTO public.messages (client_id, id, conversation_id, seq, author, kind, said, platform_key, occurred_at,
      is_stale)
    SELECT d.client_id, messages[d.place], d.talk, d.number, 'contact', kinds[d.place], said[d.place],
      platform_keys[d.place], d.occurred_at, d.quiet IS NULL FROM done d
  ), pictures AS (
    INSERT INTO public.attachments (client_id, id, message_id, kind, medium)
    SELECT d.client_id, m.id, messages[d.place], m.kind, m.medium
    FROM unnest(media_places, media_ids, media_kinds, media) AS m(place, id, kind, medium) JOIN done d ON d.place = m.place
  ), work AS (
    INSERT INTO public.jobs (client_id, id, lane_id, kind, payload, due_at)
    SELECT d.client_id, jobs[d.place], d.talk, 'answer_message',
      jsonb_build_object('conversation_id', d.talk, 'message_id', messages[d.place]),
      clock_timestamp() + make_interval(secs => d.quiet) FROM done d WHERE d.quiet IS NOT NULL
  ), lanes AS (
    INSERT INTO public.lanes AS l (client_id, id, queue, due_at)
    SELECT DISTINCT ON (d.client_id, d.talk) d.client_id, d.talk, 'chat', clock_timestamp() + make_interval(secs => d.quiet)
    FROM done d WHERE d.quiet IS NOT NULL ORDER BY d.client_id, d.talk, d.number
    ON CONFLICT (client_id, id) DO UPDATE SET due_at = coalesce(l.due_at, excluded.due_at)
  )
  SELECT place, talk, number FROM done;
END $$;

REVOKE ALL ON FUNCTION app.receive(uuid[], uuid[], bytea[], uuid[], bytea[], uuid[], uuid[], uuid[], text[], bytea[], bytea[],
  timestamptz[], timestamptz[], float8[], int[], text[], bytea[], bytea[], int[], uuid[], text[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.receive(uuid[], uuid[], bytea[], uuid[], bytea[], uuid[], uuid[], uuid[], text[], bytea[], bytea[],
  timestamptz[], timestamptz[], float8[], int[], text[], bytea[], bytea[], int[], uuid[], text[], bytea[]) TO wafaa_app;
RESET ROLE;
