-- The present text of app.note_statuses: whoever changes it adds a migration that runs this file again.
--
-- What platforms tell of messages raises their delivery states, never lowers them, and nothing undoes a failure that was
-- told in time. It settles sends whose answer was lost: a lane that waits for it is due now. Many clients' at once, in one
-- transaction. The arrays have one element a status, in the order they were told. Gives the conversations whose followers have something to read, to be told after.
-- One order for everybody, as in app.receive: first all event keys, then all conversations, then messages, then all lanes.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.note_statuses(clients uuid[], accounts uuid[], event_keys bytea[], our_ids uuid[],
  platform_keys bytea[], states text[], errors bytea[], event_ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  ranks CONSTANT text[] := '{queued,sending,indeterminate,parked,accepted,sent,failed,delivered,read}';  -- Lowest first.
  fresh int[];  -- The statuses that nobody told before,
  known int[];  -- those of them that speak of a message of ours,
  spoken uuid[];  -- which one,
  talks uuid[];  -- and its conversation.
  awaited uuid[];  -- Conversations of which a send waits for what is told of it,
  whose uuid[];  -- and their clients.
  risen uuid[];
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

  -- By the id we attached, else by the platform's.
  SELECT array_agg(place), array_agg(id), array_agg(talk) INTO known, spoken, talks FROM (
    SELECT p.place, coalesce(a.id, b.id) AS id, coalesce(a.conversation_id, b.conversation_id) AS talk
    FROM unnest(fresh) AS p(place)
    LEFT JOIN LATERAL (SELECT m.id, m.conversation_id FROM public.messages m
      WHERE m.client_id = clients[p.place] AND m.id = our_ids[p.place]) a ON true
    LEFT JOIN LATERAL (SELECT m.id, m.conversation_id FROM public.messages m
      WHERE a.id IS NULL AND m.client_id = clients[p.place] AND m.platform_key = platform_keys[p.place] LIMIT 1) b ON true
    ORDER BY p.place) f WHERE f.id IS NOT NULL;
  IF known IS NULL THEN
    RETURN '{}';
  END IF;

  PERFORM FROM unnest(known, talks) AS k(place, talk)
  JOIN public.conversations c ON c.client_id = clients[k.place] AND c.id = k.talk
  ORDER BY c.client_id, c.account_id, c.contact_id FOR UPDATE OF c;

  WITH told AS MATERIALIZED (
    SELECT clients[k.place] AS client_id, k.place, k.id, k.talk, array_position(ranks, states[k.place]) AS rank
    FROM unnest(known, spoken, talks) AS k(place, id, talk)
    WHERE states[k.place] IN ('sent', 'failed', 'delivered', 'read')
  ), locked AS MATERIALIZED (
    SELECT m.client_id, m.id, m.conversation_id, m.delivery_state, array_position(ranks, m.delivery_state) AS rank
    FROM (SELECT DISTINCT client_id, id FROM told) t JOIN public.messages m ON m.client_id = t.client_id AND m.id = t.id
    FOR UPDATE OF m
  ), rises AS MATERIALIZED (
    SELECT * FROM (
      SELECT h.*, bool_or(h.higher AND states[h.place] = 'failed') OVER (
        PARTITION BY h.client_id, h.id ORDER BY h.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS over
      FROM (
        SELECT t.*, t.rank > greatest(l.rank, max(t.rank) OVER (
          PARTITION BY t.client_id, t.id ORDER BY t.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS higher
        FROM told t JOIN locked l ON l.client_id = t.client_id AND l.id = t.id
        WHERE l.rank IS NOT NULL AND l.delivery_state <> 'failed') h) r
    WHERE r.higher AND r.over IS NOT TRUE
  ), last AS (
    SELECT DISTINCT ON (client_id, id) client_id, id, place FROM rises ORDER BY client_id, id, place DESC
  ), raised AS (
    UPDATE public.messages m SET delivery_state = states[f.place], delivery_error = errors[f.place],
      platform_key = coalesce(m.platform_key, platform_keys[f.place])
    FROM last f WHERE m.client_id = f.client_id AND m.id = f.id
  ), numbered AS (
    UPDATE public.conversations c SET last_seq = c.last_seq + r.count
    FROM (SELECT client_id, talk, count(*) FROM rises GROUP BY client_id, talk) r
    WHERE c.client_id = r.client_id AND c.id = r.talk RETURNING c.client_id, c.id, c.last_seq - r.count AS before
  ), events AS (
    INSERT INTO public.conversation_events (client_id, conversation_id, seq, id, type, message_id)
    SELECT r.client_id, r.talk, n.before + row_number() OVER (PARTITION BY r.client_id, r.talk ORDER BY r.place),
      event_ids[r.place], 'message.status', r.id
    FROM rises r JOIN numbered n ON n.client_id = r.client_id AND n.id = r.talk
  )
  SELECT (SELECT array_agg(DISTINCT talk) FROM rises), array_agg(client_id), array_agg(conversation_id)
  INTO risen, whose, awaited FROM locked WHERE delivery_state IN ('sending', 'indeterminate');

  IF awaited IS NOT NULL THEN
    PERFORM FROM unnest(whose, awaited) AS w(client_id, id) JOIN public.lanes l ON l.client_id = w.client_id AND l.id = w.id
    ORDER BY l.client_id, l.id FOR UPDATE OF l;
    WITH first AS (
      UPDATE public.jobs j SET due_at = clock_timestamp()
      FROM unnest(whose, awaited) AS w(client_id, id)
      WHERE j.client_id = w.client_id AND j.id = (SELECT o.id FROM app.first_job(w.client_id, w.id) o)
      RETURNING j.client_id, j.lane_id, j.due_at
    )
    UPDATE public.lanes l SET due_at = f.due_at FROM first f WHERE l.client_id = f.client_id AND l.id = f.lane_id;
    PERFORM pg_notify('wafaa_lanes', 'hurry');
  END IF;
  RETURN coalesce(risen, '{}');
END $$;

REVOKE ALL ON FUNCTION app.note_statuses(uuid[], uuid[], bytea[], uuid[], bytea[], text[], bytea[], uuid[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.note_statuses(uuid[], uuid[], bytea[], uuid[], bytea[], text[], bytea[], uuid[])
  TO wafaa_app;
RESET ROLE;
