-- A dropped column, and a row as it was before, stand in a table's file until it is written anew, which a column does
-- whose default is another one in each row.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.oid::regclass AS name FROM pg_class c,
      LATERAL (SELECT c.oid AS part UNION SELECT p.relid FROM pg_partition_tree(c.oid) p) every
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.oid HAVING sum(pg_relation_size(part)) > 0
      AND bool_or(EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part AND a.attisdropped))
  LOOP
    EXECUTE format('ALTER TABLE %s ADD COLUMN anew uuid DEFAULT gen_random_uuid()', t.name);
    EXECUTE format('ALTER TABLE %s DROP COLUMN anew', t.name);
  END LOOP;
END $$;
