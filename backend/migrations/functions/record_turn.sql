-- The present text of app.record_turn: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- Writes a turn's reply and what follows from it, once. Says 'recorded', or 'held' where the reply's delivery is the lane's
-- next job and the caller, who says for how long, goes on with it under the same fence: nobody claims the lane anew. Or,
-- having written nothing: 'lost' when another worker holds the lane, 'outdated' when the contact said more or a human took
-- over, 'gone' when the conversation is.
CREATE OR REPLACE FUNCTION app.record_turn(token text, client uuid, turn jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  t record;
  c record;
  goes_on boolean;
BEGIN
  PERFORM app.enter(token);
  SELECT * INTO t FROM jsonb_to_record(turn) AS r(
    conversation_id uuid, seen bigint, final boolean, fence bigint, job_id uuid, message_id uuid, event_id uuid, event bytea,
    language text, said bytea, reply_to_id uuid, delivery_state text, offer_human boolean, answers jsonb, usage_id uuid,
    model text, input_tokens int, output_tokens int, milliseconds int, channel text, trace bytea, delivery jsonb,
    delivery_id uuid, lease_seconds float8, told_apart boolean);
  -- The conversation is locked first, then its lane, as everywhere.
  SELECT o.last_seq, o.last_contact_seq, o.owner INTO c FROM public.conversations o
  WHERE o.client_id = client AND o.id = t.conversation_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'gone';
  END IF;
  PERFORM FROM public.lanes l WHERE l.client_id = client AND l.id = t.conversation_id
    AND EXISTS (SELECT FROM public.jobs j WHERE j.client_id = client AND j.id = t.job_id) AND l.fence = t.fence
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
  goes_on := t.delivery_id IS NOT NULL AND t.lease_seconds IS NOT NULL AND NOT EXISTS (
    SELECT FROM app.first_job(client, t.conversation_id, t.job_id) f WHERE f.id < t.delivery_id);
  IF t.delivery_id IS NOT NULL THEN
    INSERT INTO public.jobs (client_id, id, lane_id, kind, payload, attempts, due_at)
    VALUES (client, t.delivery_id, t.conversation_id, 'deliver_message', t.delivery, goes_on::int, clock_timestamp());
  END IF;
  IF t.told_apart IS NOT TRUE THEN
    PERFORM pg_notify('wafaa_events', t.conversation_id::text);
  END IF;
  IF goes_on THEN
    DELETE FROM public.jobs j WHERE j.client_id = client AND j.id = t.job_id;
    UPDATE public.lanes l SET due_at = clock_timestamp(),
      lease_until = clock_timestamp() + make_interval(secs => t.lease_seconds)
    WHERE l.client_id = client AND l.id = t.conversation_id;
    RETURN 'held';
  END IF;
  PERFORM app.settle(client, t.conversation_id, t.job_id);
  RETURN 'recorded';
END $$;

REVOKE ALL ON FUNCTION app.record_turn(text, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_turn(text, uuid, jsonb) TO wafaa_app;
RESET ROLE;
