-- The present text of app.record_and_intend: whoever changes it adds a migration that runs this file again.
--
-- Records a turn as app.record_turn does and, where the reply's delivery is the lane's next job and its send is plain, the
-- intent to send it as app.intend does: both by one commit. Says {outcome, parcel}. The caller waits until that rests on the
-- disk, with others (core/flushes.py), before anything is sent. Listeners are told in a transaction of their own: whoever
-- notifies holds a lock of the whole server until its commit. If the server dies in between, listeners lose their
-- connections as well, and read anew.
-- All that it calls is named with its schema: PostgreSQL lets nothing that fixes its search path end a transaction.
SET ROLE wafaa_definer;

CREATE OR REPLACE PROCEDURE app.record_and_intend(token text, client uuid, turn jsonb, least_seconds float8, INOUT said jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  outcome text;
  parcel jsonb;
  t record;
BEGIN
  outcome := app.record_turn(token, client, pg_catalog.jsonb_set(turn, '{told_apart}', 'true'));
  SELECT * INTO t FROM pg_catalog.jsonb_to_record(turn) AS r(
    conversation_id uuid, message_id uuid, fence bigint, delivery_id uuid, lease_seconds float8);
  IF outcome = 'held' THEN  -- Its job was made just now, so it can't have waited for as long as a lease.
    parcel := app.intend(NULL, client, t.conversation_id, t.message_id, least_seconds, t.fence, t.delivery_id, t.lease_seconds);
  END IF;
  SET LOCAL synchronous_commit = off;
  COMMIT;
  IF outcome = 'recorded' OR outcome = 'held' THEN
    SET LOCAL synchronous_commit = off;
    PERFORM pg_catalog.pg_notify('wafaa_events', t.conversation_id::text);
  END IF;
  said := pg_catalog.jsonb_build_object('outcome', outcome, 'parcel', parcel);
END $$;

REVOKE ALL ON PROCEDURE app.record_and_intend(text, uuid, jsonb, float8, jsonb) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE app.record_and_intend(text, uuid, jsonb, float8, jsonb) TO wafaa_app;
RESET ROLE;
