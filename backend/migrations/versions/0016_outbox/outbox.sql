SET ROLE wafaa_definer;

-- What happened and isn't published yet: ids and plain facts, never what was said. Rows are written by triggers, in the
-- transaction of their cause, and deleted once the event log has them. Whoever writes twice in one conversation holds
-- its lock, so ids rise in the order of commits there.
CREATE TABLE vault.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL DEFAULT gen_random_uuid(),
  client_id uuid NOT NULL,
  subject uuid NOT NULL,
  type text NOT NULL,
  facts jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One process publishes at a time: order is kept that way.
CREATE TABLE vault.publisher (one boolean PRIMARY KEY DEFAULT true CHECK (one), holder uuid, lease_until timestamptz);
INSERT INTO vault.publisher DEFAULT VALUES;

CREATE FUNCTION app.note_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO vault.outbox (client_id, subject, type, facts) VALUES (NEW.client_id, NEW.conversation_id,
    CASE NEW.author WHEN 'contact' THEN 'message.received' WHEN 'assistant' THEN 'message.answered'
      ELSE 'message.replied' END,
    jsonb_build_object('message_id', NEW.id, 'seq', NEW.seq, 'kind', NEW.kind, 'language', NEW.language,
      'answers', NEW.reply_to_id));
  RETURN NULL;
END $$;

CREATE FUNCTION app.note_delivery() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO vault.outbox (client_id, subject, type, facts) VALUES (NEW.client_id, NEW.conversation_id,
    'message.delivery',
    jsonb_build_object('message_id', NEW.id, 'state', NEW.delivery_state, 'answers', NEW.reply_to_id));
  RETURN NULL;
END $$;

CREATE FUNCTION app.note_conversation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  happened text;
BEGIN
  happened := CASE
    WHEN TG_OP = 'INSERT' THEN 'conversation.opened'
    WHEN NEW.status <> OLD.status AND NEW.status = 'resolved' THEN 'conversation.resolved'
    WHEN NEW.owner <> OLD.owner AND NEW.owner = 'agent' THEN 'handover.accepted'
    WHEN NEW.owner <> OLD.owner THEN 'handover.returned'
    WHEN OLD.waiting_since IS NULL AND NEW.waiting_since IS NOT NULL THEN 'handover.requested'
  END;
  IF happened IS NOT NULL THEN
    INSERT INTO vault.outbox (client_id, subject, type, facts) VALUES (NEW.client_id, NEW.id, happened,
      jsonb_build_object('contact_id', NEW.contact_id, 'account_id', NEW.account_id, 'agent_id', NEW.agent_id));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION app.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO vault.outbox (client_id, subject, type, facts) VALUES (NEW.client_id, NEW.message_id, 'usage.recorded',
    jsonb_build_object('message_id', NEW.message_id, 'model', NEW.model, 'input_tokens', NEW.input_tokens,
      'output_tokens', NEW.output_tokens, 'milliseconds', NEW.milliseconds));
  RETURN NULL;
END $$;

-- A parked job: its payload is ids; its error rests sealed, and stays where it is.
CREATE FUNCTION app.note_parked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO vault.outbox (client_id, subject, type, facts) VALUES (NEW.client_id, NEW.lane_id, 'job.parked',
    jsonb_build_object('job_id', NEW.id, 'kind', NEW.kind, 'attempts', NEW.attempts, 'payload', NEW.payload));
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION app.note_message(), app.note_delivery(), app.note_conversation(), app.note_usage(), app.note_parked()
  FROM PUBLIC;

-- The oldest unpublished events, for the one who holds the lease, who takes or renews it by asking.
CREATE FUNCTION app.unpublished(who uuid, most int, lease_seconds float8)
RETURNS TABLE (id bigint, event_id uuid, client_id uuid, subject uuid, type text, facts jsonb, at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH held AS (
    UPDATE vault.publisher p SET holder = who, lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    WHERE p.holder = who OR p.lease_until IS NULL OR p.lease_until < clock_timestamp() RETURNING 1
  )
  SELECT o.id, o.event_id, o.client_id, o.subject, o.type, o.facts, o.at FROM vault.outbox o
  WHERE EXISTS (SELECT FROM held) ORDER BY o.id LIMIT most
$$;

-- The event log has these. Nobody can be hurt by saying so twice.
CREATE FUNCTION app.published(ids bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.outbox WHERE id = ANY (ids)
$$;

-- Gives the lease back, so that the next one need not wait for its end.
CREATE FUNCTION app.leave_publisher(who uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE vault.publisher SET holder = NULL, lease_until = NULL WHERE holder = who
$$;

-- About how many events wait, and for how many seconds the oldest has: the distance of ids, which costs nothing.
CREATE FUNCTION app.outbox_backlog() RETURNS TABLE (events bigint, oldest float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(o.id) - min(o.id) + 1, 0), coalesce(extract(epoch FROM clock_timestamp() - (
    SELECT f.at FROM vault.outbox f ORDER BY f.id LIMIT 1)), 0)::float8 FROM vault.outbox o
$$;

-- Forgets the oldest events beyond a bound, at most 10,000 at once; tells how many.
CREATE FUNCTION app.trim_outbox(most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM vault.outbox WHERE id IN (
      SELECT o.id FROM vault.outbox o WHERE o.id <= (SELECT max(l.id) - most FROM vault.outbox l)
      ORDER BY o.id LIMIT 10000)
    RETURNING 1
  ) SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION app.unpublished(uuid, int, float8), app.published(bigint[]), app.leave_publisher(uuid),
  app.outbox_backlog(), app.trim_outbox(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.unpublished(uuid, int, float8), app.published(bigint[]), app.leave_publisher(uuid),
  app.outbox_backlog(), app.trim_outbox(bigint) TO wafaa_app;

RESET ROLE;
-- Who may make the triggers: migrations, and nobody else.
DO $$ BEGIN EXECUTE format('GRANT EXECUTE ON FUNCTION app.note_message(), app.note_delivery(), app.note_conversation(), '
  'app.note_usage(), app.note_parked() TO %I', current_user); END $$;
