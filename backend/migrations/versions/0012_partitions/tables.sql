-- The rows so far become a partition that ends with this month. Keys, indexes, policies and rights stay what they were.
GRANT CREATE ON SCHEMA public TO wafaa_definer;  -- Until it owns the four tables: only their owner may add partitions.
GRANT REFERENCES ON clients, conversations TO wafaa_definer;

-- An event's month is a part of its key now; its number alone tells it apart, which the conversation's row gives out.
ALTER TABLE conversation_events DROP CONSTRAINT pk_conversation_events;
ALTER TABLE conversation_events ADD CONSTRAINT pk_conversation_events
  PRIMARY KEY (client_id, conversation_id, seq, created_at);

-- A medium rests in its message's month.
ALTER TABLE attachments DROP CONSTRAINT fk_attachments_client_id_message_id;
ALTER TABLE attachments DROP CONSTRAINT pk_attachments;
ALTER TABLE attachments ADD CONSTRAINT pk_attachments PRIMARY KEY (client_id, id, message_id);

DO $$
DECLARE
  t record;
  o record;
  old text;
  ends text;
BEGIN
  FOR t IN SELECT name, key, key_type FROM vault.partitioned ORDER BY place LOOP
    old := t.name || '_before';
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', t.name, old);
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (%I)',
      t.name, old, t.key);
    FOR o IN SELECT conname AS name, pg_get_constraintdef(oid) AS def FROM pg_constraint
      WHERE conrelid = format('public.%I', old)::regclass AND contype IN ('p', 'f') ORDER BY contype DESC
    LOOP
      EXECUTE format('ALTER TABLE public.%I RENAME CONSTRAINT %I TO %I', old, o.name, left(o.name, 55) || '_before');
      EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', t.name, o.name, o.def);
    END LOOP;
    FOR o IN SELECT c.relname AS name, pg_get_indexdef(c.oid) AS def FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid = format('public.%I', old)::regclass AND NOT i.indisprimary
    LOOP
      EXECUTE format('ALTER INDEX public.%I RENAME TO %I', o.name, left(o.name, 55) || '_before');
      EXECUTE replace(o.def, format(' ON public.%I ', old), format(' ON public.%I ', t.name));
    END LOOP;
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name);
    FOR o IN SELECT policyname AS name, roles, qual, with_check FROM pg_policies WHERE schemaname = 'public' AND tablename = old
    LOOP
      EXECUTE format('CREATE POLICY %I ON public.%I TO %s USING (%s) WITH CHECK (%s)', o.name, t.name,
        array_to_string(o.roles, ', '), o.qual, o.with_check);
      EXECUTE format('DROP POLICY %I ON public.%I', o.name, old);
    END LOOP;
    FOR o IN SELECT a.privilege_type AS may, a.grantee::regrole AS who, '' AS col FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = format('public.%I', old)::regclass AND a.grantee <> c.relowner AND a.grantee <> 0
      UNION ALL SELECT a.privilege_type, a.grantee::regrole, format('(%I)', f.attname) FROM pg_attribute f, aclexplode(f.attacl) a
        WHERE f.attrelid = format('public.%I', old)::regclass
    LOOP
      EXECUTE format('GRANT %s %s ON public.%I TO %s', o.may, o.col, t.name, o.who);
      EXECUTE format('REVOKE %s %s ON public.%I FROM %s', o.may, o.col, old, o.who);
    END LOOP;
    EXECUTE format('ALTER TABLE public.%I SET SCHEMA parts', old);
    -- Nothing that was taken in is ever lost for want of a month: what fits in none goes to the default partition.
    EXECUTE format('CREATE TABLE parts.%I PARTITION OF public.%I DEFAULT', t.name || '_rest', t.name);
    ends := vault.bound(t.key_type, date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month');
    EXECUTE format('ALTER TABLE parts.%I NO FORCE ROW LEVEL SECURITY', old);
    EXECUTE format('WITH moved AS (DELETE FROM parts.%I WHERE %I >= %s RETURNING *) INSERT INTO parts.%I SELECT * FROM moved',
      old, t.key, ends, t.name || '_rest');
    EXECUTE format('ALTER TABLE parts.%I FORCE ROW LEVEL SECURITY', old);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION parts.%I FOR VALUES FROM (MINVALUE) TO (%s)', t.name, old, ends);
    EXECUTE format('ALTER TABLE parts.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name || '_rest');
    EXECUTE format('CREATE POLICY definer ON parts.%I TO wafaa_definer USING (true) WITH CHECK (true)', t.name || '_rest');
    EXECUTE format('ALTER TABLE public.%I OWNER TO wafaa_definer', t.name);
    EXECUTE format('ALTER TABLE parts.%I OWNER TO wafaa_definer', old);
    EXECUTE format('ALTER TABLE parts.%I OWNER TO wafaa_definer', t.name || '_rest');
  END LOOP;
END $$;

ALTER TABLE attachments ADD CONSTRAINT fk_attachments_client_id_message_id
  FOREIGN KEY (client_id, message_id) REFERENCES messages (client_id, id) ON DELETE CASCADE;
REVOKE CREATE ON SCHEMA public FROM wafaa_definer;
SELECT app.make_partitions();
