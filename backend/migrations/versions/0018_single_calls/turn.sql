-- A turn's reads and writes, each in one round trip and under row-level security: these functions are nobody's but the
-- caller's. The tenant's token is their first argument; NULL where a client's transaction is open already.
SET ROLE wafaa_definer;

-- Enters a client's scope until the transaction ends, which for a single call is at once. A token that isn't believed is
-- an error, not an empty scope: whoever signed it by a clock that was set may ask for the time and sign anew.
CREATE FUNCTION app.enter(token text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF token IS NOT NULL THEN
    PERFORM set_config('app.current_tenant_id', token, true);
    IF app.current_client() IS NULL THEN
      RAISE EXCEPTION 'The tenant''s token isn''t believed.' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
  END IF;
END $$;

-- Less than the id of anything that belongs to what has this id: older months needn't be looked at. Five weeks'
-- allowance: clocks are set back.
CREATE FUNCTION app.floor_of(id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN substr(id::text, 15, 1) = '7' THEN rpad(lpad(to_hex(greatest(
    ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - 3024000000, 0)), 12, '0'), 32, '0')::uuid
    ELSE '00000000-0000-0000-0000-000000000000'::uuid END
$$;

-- What a turn needs to know, with as many earlier messages before the first that waits; NULL where there is nothing.
CREATE FUNCTION app.load_turn(token text, client uuid, talk uuid, most int, history int) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  since uuid := app.floor_of(talk);
  waiting jsonb;
  found jsonb;
BEGIN
  PERFORM app.enter(token);
  SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.seq), '[]') INTO waiting FROM (
    SELECT m.id, m.seq, m.kind, m.said, extract(epoch FROM m.created_at) AS arrived_at,
      extract(epoch FROM clock_timestamp() - m.created_at) AS age
    FROM public.messages m WHERE m.client_id = client AND m.conversation_id = talk AND m.id >= since
      AND m.author = 'contact' AND m.answered_by IS NULL AND NOT m.is_stale AND NOT m.is_deleted
    ORDER BY m.seq DESC LIMIT most) w;
  SELECT to_jsonb(t) INTO found FROM (
    SELECT c.contact_id, c.owner, c.language, c.last_contact_seq, c.disclosed_at IS NOT NULL AS introduced,
      c.waiting_since IS NOT NULL AS wanted, k.name AS client_name, k.settings, k.knowledge_version, k.is_active,
      p.opted_out, a.kind AS channel, waiting,
      (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.seq), '[]') FROM (
        SELECT m.id, m.seq, m.author, m.said FROM public.messages m
        WHERE m.client_id = client AND m.conversation_id = talk AND m.id >= since AND NOT m.is_deleted
          AND m.seq < (waiting -> 0 ->> 'seq')::bigint
        ORDER BY m.seq DESC LIMIT history) e) AS earlier
    FROM public.conversations c
    JOIN public.clients k ON k.id = c.client_id
    JOIN public.contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
    JOIN public.channel_configs a ON a.client_id = c.client_id AND a.id = c.account_id
    WHERE c.client_id = client AND c.id = talk) t;
  RETURN found;
END $$;

-- Settles a job whose lane is held: it is gone, and the lane is due when its next job is.
CREATE FUNCTION app.settle(client uuid, lane uuid, job uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM public.jobs WHERE client_id = client AND id = job;
  UPDATE public.lanes SET lease_until = NULL, due_at = (SELECT due_at FROM public.jobs
    WHERE client_id = client AND lane_id = lane AND state = 'pending' ORDER BY id LIMIT 1)
  WHERE client_id = client AND id = lane;
  SELECT pg_notify('wafaa_lanes', 'next');
$$;

-- Writes a turn's reply and what follows from it, once. Says 'recorded'; or, having written nothing: 'lost' when another
-- worker holds the lane, 'outdated' when the contact said more or a human took over, 'gone' when the conversation is.
CREATE FUNCTION app.record_turn(token text, client uuid, turn jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
  c record;
BEGIN
  PERFORM app.enter(token);
  SELECT * INTO t FROM jsonb_to_record(turn) AS r(
    conversation_id uuid, seen bigint, final boolean, fence bigint, job_id uuid, message_id uuid, event_id uuid, event bytea,
    language text, said bytea, reply_to_id uuid, delivery_state text, offer_human boolean, answers jsonb, usage_id uuid,
    model text, input_tokens int, output_tokens int, milliseconds int, channel text, trace bytea, delivery jsonb,
    delivery_id uuid);
  -- The conversation is locked first, then its lane, as everywhere.
  SELECT o.last_seq, o.last_contact_seq, o.owner INTO c FROM public.conversations o
  WHERE o.client_id = client AND o.id = t.conversation_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'gone';
  END IF;
  PERFORM FROM public.lanes l WHERE l.client_id = client AND l.id = t.conversation_id AND l.fence = t.fence
    AND l.lease_until IS NOT NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'lost';
  END IF;
  IF (c.last_contact_seq > t.seen AND NOT t.final) OR c.owner <> 'assistant' THEN
    RETURN 'outdated';
  END IF;
  UPDATE public.conversations o SET last_seq = o.last_seq + 1, disclosed_at = coalesce(o.disclosed_at, now()),
    language = t.language, last_message_at = now()
  WHERE o.client_id = client AND o.id = t.conversation_id;
  INSERT INTO public.conversation_events (client_id, conversation_id, seq, id, type, message_id, data)
  VALUES (client, t.conversation_id, c.last_seq + 1, t.event_id, 'turn.completed', t.message_id, t.event);
  INSERT INTO public.messages (client_id, id, conversation_id, seq, author, kind, language, said, reply_to_id,
    delivery_state, offer_human)
  VALUES (client, t.message_id, t.conversation_id, c.last_seq + 1, 'assistant', 'text', t.language, t.said, t.reply_to_id,
    t.delivery_state, t.offer_human);
  UPDATE public.messages m SET answered_by = t.message_id
  WHERE m.client_id = client AND m.id = ANY (ARRAY(SELECT jsonb_array_elements_text(t.answers)::uuid))
    AND m.answered_by IS NULL;
  INSERT INTO public.usage_records (client_id, id, message_id, model, input_tokens, output_tokens, milliseconds, channel)
  VALUES (client, t.usage_id, t.message_id, t.model, t.input_tokens, t.output_tokens, t.milliseconds, t.channel);
  INSERT INTO public.answer_traces (client_id, message_id, trace) VALUES (client, t.message_id, t.trace);
  IF t.delivery_id IS NOT NULL THEN
    INSERT INTO public.jobs (client_id, id, lane_id, kind, payload, due_at)
    VALUES (client, t.delivery_id, t.conversation_id, 'deliver_message', t.delivery, clock_timestamp());
  END IF;
  PERFORM app.settle(client, t.conversation_id, t.job_id), pg_notify('wafaa_events', t.conversation_id::text);
  RETURN 'recorded';
END $$;

-- Writes down that the platform took a message. What it said stays true, even when another worker holds the lane by now;
-- that one needn't wait for a status then, and its first job is due at once.
CREATE FUNCTION app.record_sent(token text, client uuid, talk uuid, message uuid, platform bytea, below text[], fence bigint,
  job uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held bigint;
BEGIN
  PERFORM app.enter(token);
  UPDATE public.messages m SET delivery_state = 'accepted', delivery_error = NULL,
    platform_key = coalesce(m.platform_key, platform)
  WHERE m.client_id = client AND m.id = message AND m.delivery_state = ANY (below);
  SELECT CASE WHEN l.lease_until IS NOT NULL THEN l.fence END INTO held FROM public.lanes l
  WHERE l.client_id = client AND l.id = talk FOR UPDATE;
  IF held = fence THEN
    PERFORM app.settle(client, talk, job);
    RETURN true;
  END IF;
  UPDATE public.jobs j SET due_at = clock_timestamp() WHERE j.client_id = client AND j.id = (SELECT f.id FROM public.jobs f
    WHERE f.client_id = client AND f.lane_id = talk AND f.state = 'pending' ORDER BY f.id LIMIT 1);
  UPDATE public.lanes l SET due_at = clock_timestamp() WHERE l.client_id = client AND l.id = talk AND EXISTS (
    SELECT FROM public.jobs f WHERE f.client_id = client AND f.lane_id = talk AND f.state = 'pending');
  PERFORM pg_notify('wafaa_lanes', 'hurry');
  RETURN false;
END $$;

-- Writes down that a reply is about to be sent, and gives all that sending needs. NULL, having written nothing, for what
-- isn't as plain: a reply that isn't queued, that a human or the contact was faster than, whose window
-- is closing, or that nobody can be reached with.
CREATE FUNCTION app.intend(token text, client uuid, talk uuid, message uuid, least_seconds float8) RETURNS jsonb
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
      OR m.author = 'assistant' AND (c.owner = 'agent' OR c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)
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

REVOKE ALL ON FUNCTION app.enter(text), app.floor_of(uuid), app.load_turn(text, uuid, uuid, int, int),
  app.settle(uuid, uuid, uuid), app.record_turn(text, uuid, jsonb),
  app.record_sent(text, uuid, uuid, uuid, bytea, text[], bigint, uuid), app.intend(text, uuid, uuid, uuid, float8)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.enter(text), app.floor_of(uuid), app.load_turn(text, uuid, uuid, int, int),
  app.settle(uuid, uuid, uuid), app.record_turn(text, uuid, jsonb),
  app.record_sent(text, uuid, uuid, uuid, bytea, text[], bigint, uuid), app.intend(text, uuid, uuid, uuid, float8)
  TO wafaa_app;

RESET ROLE;
