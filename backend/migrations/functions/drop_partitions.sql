-- The present text of app.drop_partitions: whoever changes it adds a migration that runs this file again.
--
-- Drops the months that nobody keeps any more, and tells which; what is as old in the default partition is deleted. For how
-- long is not the caller's to say: as long as the client that keeps longest, and a client that names no time keeps
-- everything. A month at least, whatever they say.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.drop_partitions() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  kept interval;
  t record;
  p record;
BEGIN
  SELECT make_interval(days => greatest(max(r.days), 31)) INTO kept FROM (
    SELECT (c.retention ->> 'messages')::int AS days FROM public.clients c) r
  HAVING bool_and(r.days IS NOT NULL);
  IF kept IS NULL OR NOT pg_try_advisory_xact_lock(hashtext('wafaa partitions')) THEN
    RETURN;
  END IF;
  FOR t IN SELECT d.name, d.key, d.key_type FROM vault.partitioned d ORDER BY d.place LOOP
    FOR p IN SELECT o.part::text AS part FROM vault.partitions(t.name) o
      WHERE o.high <= least(vault.bound(t.key_type, now() - kept), vault.bound(t.key_type, now() - interval '31 days'))
    LOOP
      EXECUTE format('ALTER TABLE public.%I DETACH PARTITION %s', t.name, p.part);
      EXECUTE format('DROP TABLE %s', p.part);
      RETURN NEXT p.part;
    END LOOP;
    EXECUTE format('DELETE FROM parts.%I WHERE %I < %s', t.name || '_rest', t.key, vault.bound(t.key_type, now() - kept));
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION app.drop_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.drop_partitions() TO wafaa_app;
RESET ROLE;
