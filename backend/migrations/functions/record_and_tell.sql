-- The present text of app.record_and_tell: whoever changes it adds a migration that runs this file again.
--
-- Records a turn as app.record_turn does, and tells listeners in a transaction of its own, which needn't rest on the disk:
-- whoever notifies holds a lock of the whole server until its commit rests there, and every other turn, and what comes in,
-- would wait for that. If the server dies in between, listeners lose their connections as well, and read anew.
-- All that it calls is named with its schema: PostgreSQL lets nothing that fixes its search path end a transaction.
SET ROLE wafaa_definer;

CREATE OR REPLACE PROCEDURE app.record_and_tell(token text, client uuid, turn jsonb, INOUT outcome text)
LANGUAGE plpgsql AS $$
BEGIN
  outcome := app.record_turn(token, client, pg_catalog.jsonb_set(turn, '{told_apart}', 'true'));
  COMMIT;
  IF outcome = 'recorded' OR outcome = 'held' THEN
    SET LOCAL synchronous_commit = off;
    PERFORM pg_catalog.pg_notify('wafaa_events', pg_catalog.jsonb_extract_path_text(turn, 'conversation_id'));
  END IF;
END $$;

REVOKE ALL ON PROCEDURE app.record_and_tell(text, uuid, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE app.record_and_tell(text, uuid, jsonb, text) TO wafaa_app;
RESET ROLE;
