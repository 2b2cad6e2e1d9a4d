-- Every row is a hole in the fence between clients. An empty result is the only good one.
-- Adapted to our names: role wafaa_app, column client_id (clients itself: id), definer functions in schema app.
WITH allowed_functions(name) AS (VALUES
  ('current_client'), ('client_by_slug'), ('list_clients'), ('staff_by_email'), ('find_channel'), ('claim_route'),
  ('release_route'), ('set_web_origins'), ('web_origin_allowed'), ('claim_lanes'), ('seconds_to_next_lane'), ('seconds_to_due'), ('queues_left'),
  ('lane_backlog'), ('mind_clock'), ('above_floor'), ('receive'), ('note_statuses'), ('resume_session'), ('end_sessions'), ('token_marks'), ('find_ticket'),
  ('find_identity_provider'), ('platform_staff'), ('grants_of'), ('claim_step'),
  ('lane_pressure'),
  ('settle_step'), ('audited_clients'), ('clients_to_erase'), ('erase_client'),
  ('signing_keys'), ('add_signing_key'), ('drop_signing_keys'), ('api_key'), ('oauth_application'),
  ('make_partitions'), ('drop_partitions'),
  ('unpublished'), ('published'), ('leave_publisher'), ('outbox_backlog'), ('trim_outbox'),
  ('claim_founding'), ('keep_founding')
), definer_tables(name) AS (VALUES ('clients'), ('staff'), ('channel_configs'), ('lanes'), ('jobs'),
  ('contacts'), ('contact_addresses'), ('conversations'), ('conversation_events'), ('inbound_events'), ('messages'),
  ('attachments'), ('staff_sessions'), ('audit_log'), ('audit_seals'),
  ('api_keys'), ('oauth_applications'), ('staff_factors'), ('sign_in_rules'), ('staff_tickets'), ('identity_providers'), ('access_grants'),
  ('messages_rest'), ('attachments_rest'), ('answer_traces_rest'), ('conversation_events_rest')
), t AS (
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity rs, c.relforcerowsecurity fs, c.relispartition part,
    c.relowner::regrole::text own, c.relname = 'clients' OR EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped) has_t
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('public', 'parts') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), definers AS (
  SELECT p.oid, p.proname, n.nspname, p.proconfig, p.prosrc, p.proowner::regrole::text own
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND has_schema_privilege('wafaa_app', n.oid, 'usage') AND has_function_privilege('wafaa_app', p.oid, 'execute')
)
SELECT 'no forced row-level security' AS hole, relname::text AS name FROM t WHERE has_t AND relkind IN ('r', 'p') AND NOT (rs AND fs)
UNION ALL SELECT 'table without a client that the application may read', relname FROM t
  WHERE NOT has_t AND relname <> 'alembic_version' AND relkind IN ('r', 'p', 'm', 'f') AND has_any_column_privilege('wafaa_app', oid, 'select')
UNION ALL SELECT 'materialised view of tenant data', relname FROM t WHERE relkind = 'm' AND has_table_privilege('wafaa_app', oid, 'select')
UNION ALL SELECT 'view without security_invoker', t.relname FROM t JOIN pg_class c USING (oid)
  WHERE t.relkind = 'v' AND NOT coalesce(c.reloptions::text LIKE '%security_invoker=true%', false)
UNION ALL SELECT 'application may truncate, add triggers or reference', relname FROM t
  WHERE relkind IN ('r', 'p') AND (has_table_privilege('wafaa_app', oid, 'truncate')
    OR has_table_privilege('wafaa_app', oid, 'trigger') OR has_table_privilege('wafaa_app', oid, 'references'))
UNION ALL SELECT 'definer function not on the list', nspname || '.' || proname FROM definers
  WHERE nspname <> 'app' OR proname NOT IN (SELECT name FROM allowed_functions)
UNION ALL SELECT 'definer function without fixed search_path', proname FROM definers
  WHERE NOT coalesce(proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false)
UNION ALL SELECT 'definer function owned by a strong role', proname FROM definers JOIN pg_roles r ON r.rolname = own
  WHERE r.rolsuper OR r.rolbypassrls OR r.rolcanlogin
UNION ALL SELECT 'unique over all clients, or primary key without client_id first', i.indexrelid::regclass::text
  FROM pg_index i JOIN t ON t.oid = i.indrelid
  WHERE has_t AND i.indisunique AND relname <> 'clients'
    AND (SELECT attnum FROM pg_attribute WHERE attrelid = i.indrelid AND attname = 'client_id') <> ALL (
      i.indkey[0:CASE WHEN i.indisprimary THEN 0 ELSE i.indnkeyatts - 1 END])
UNION ALL SELECT 'foreign key between tenant tables that does not lead with the client', conname FROM pg_constraint k
  JOIN t a ON a.oid = k.conrelid JOIN t b ON b.oid = k.confrelid
  WHERE k.contype = 'f' AND a.has_t AND b.has_t
    AND (SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1]) <> 'client_id'
UNION ALL SELECT 'policy that is not the one', p.polname || ' on ' || t.relname FROM t JOIN pg_policy p ON p.polrelid = t.oid
  WHERE NOT (p.polname = 'tenant_isolation' AND p.polpermissive AND p.polroles = ARRAY['wafaa_app'::regrole::oid]
      AND pg_get_expr(p.polqual, t.oid) ~ '^\((client_id|id) = \( SELECT app\.current_client\(\) AS current_client\)\)$'
      AND pg_get_expr(p.polwithcheck, t.oid) = pg_get_expr(p.polqual, t.oid))
    AND NOT (p.polname = 'definer' AND p.polroles = ARRAY['wafaa_definer'::regrole::oid]
      AND t.relname IN (SELECT name FROM definer_tables))
UNION ALL SELECT 'tenant table without its policy', relname FROM t WHERE has_t AND relkind IN ('r', 'p') AND NOT part
  AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polname = 'tenant_isolation')
UNION ALL SELECT 'role too strong', rolname FROM pg_roles WHERE rolname IN ('wafaa_app', 'wafaa_definer')
  AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
UNION ALL SELECT 'application role is a member of ' || g.rolname, 'wafaa_app' FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
  WHERE m.member = 'wafaa_app'::regrole
UNION ALL SELECT 'application owns a table', relname FROM t WHERE own = 'wafaa_app'
UNION ALL SELECT 'application may make objects in ' || nspname, 'wafaa_app' FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege('wafaa_app', oid, 'create')
UNION ALL SELECT 'application may enter ' || nspname, 'wafaa_app' FROM pg_namespace
  WHERE nspname IN ('vault', 'parts') AND has_schema_privilege('wafaa_app', oid, 'usage')
UNION ALL SELECT 'application may make temporary tables', 'wafaa_app'
  WHERE has_database_privilege('wafaa_app', current_database(), 'temp')
