-- Partitions live in a schema of their own, which the application can't enter: it sees them through their tables alone.
CREATE SCHEMA parts AUTHORIZATION wafaa_definer;

SET ROLE wafaa_definer;

-- What is partitioned, and by which column: ids of version 7 begin with their time. What refers to messages goes first.
CREATE TABLE vault.partitioned (place int PRIMARY KEY, name text NOT NULL, key text NOT NULL, key_type text NOT NULL);
INSERT INTO vault.partitioned VALUES (1, 'attachments', 'message_id', 'uuid'), (2, 'answer_traces', 'message_id', 'uuid'),
  (3, 'messages', 'id', 'uuid'), (4, 'conversation_events', 'created_at', 'timestamptz');

-- A moment as a partition's bound of that type, written as a literal. In UTC they sort like their moments.
CREATE FUNCTION vault.bound(key_type text, moment timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT quote_literal(CASE key_type
    WHEN 'uuid' THEN rpad(lpad(to_hex(greatest(extract(epoch FROM moment) * 1000, 0)::bigint), 12, '0'), 32, '0')::uuid::text
    ELSE moment::text END) COLLATE "C"
$$;

-- Makes one month's partition of one table. Not when the default partition has taken in rows of that month already: they
-- stay where they are, and so does what joins them. (Moving messages would take their media along, and lose them.)
CREATE FUNCTION vault.make_partition(parent text, key text, key_type text, month timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text := parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM');
  low text := vault.bound(key_type, month);
  high text := vault.bound(key_type, month + interval '1 month');
  taken boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM parts.%I WHERE %I >= %s AND %I < %s)', parent || '_rest', key, low, key, high)
    INTO taken;
  IF taken THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE parts.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING STORAGE)', part, parent);
  EXECUTE format('ALTER TABLE parts.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION parts.%I FOR VALUES FROM (%s) TO (%s)', parent, part, low, high);
  RETURN true;
END $$;

-- The partitions of a table, where each begins (the first doesn't) and ends (the default one doesn't).
CREATE FUNCTION vault.partitions(parent text) RETURNS TABLE (part regclass, low text, high text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid::regclass, quote_literal(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')) COLLATE "C",
    quote_literal(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')) COLLATE "C"
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = format('public.%I', parent)::regclass
$$;

-- Makes sure that the next months have their partitions; tells how many it made. Anybody may ask, as often as they like.
CREATE FUNCTION app.make_partitions() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  t record;
  month timestamptz;
  made int := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('wafaa partitions')) THEN
    RETURN 0;  -- Somebody else is at it.
  END IF;
  FOR t IN SELECT p.name, p.key, p.key_type FROM vault.partitioned p ORDER BY p.place LOOP
    FOR month IN SELECT generate_series(date_trunc('month', now()), now() + interval '3 months', '1 month') LOOP
      IF NOT EXISTS (SELECT FROM vault.partitions(t.name) p
          WHERE (p.low IS NULL OR p.low <= vault.bound(t.key_type, month))
          AND p.high >= vault.bound(t.key_type, month + interval '1 month'))
          AND vault.make_partition(t.name, t.key, t.key_type, month) THEN
        made := made + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

-- Drops the months that nobody keeps any more, and tells which; what is as old in the default partition is deleted. For how long is not the caller's to say: as long as the
-- client that keeps longest, and a client that names no time keeps everything. A month at least, whatever they say.
CREATE FUNCTION app.drop_partitions() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  kept interval;
  t record;
  p record;
BEGIN
  SELECT make_interval(days => greatest(max((c.settings ->> 'retention_days')::int), 31)) INTO kept FROM public.clients c
  HAVING bool_and(c.settings ->> 'retention_days' IS NOT NULL);
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

REVOKE ALL ON FUNCTION app.make_partitions(), app.drop_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.make_partitions(), app.drop_partitions() TO wafaa_app;

RESET ROLE;
