-- What an installation has gathered: conversations of twenty-five messages, spread over so many days before now. Sealed
-- values are as long as real ones and say nothing. `raced` holds contacts that exist; everybody else is made up here.
SET session_replication_role = replica;

CREATE FUNCTION pg_temp.id_at(moment timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1, 3) || '8'
    || substr(md5(salt), 4, 15))::uuid
$$;
CREATE FUNCTION pg_temp.sealed(length int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT decode(repeat('5a', length), 'hex')
$$;

CREATE TEMPORARY TABLE talks AS
SELECT t.n, a.client_id, a.account_id, t.began, pg_temp.id_at(t.began, 'talk' || t.n) AS id,
  coalesce(r.contact_id, pg_temp.id_at(t.began, 'contact' || t.n)) AS contact_id, r.contact_id IS NULL AS is_new
FROM (SELECT n, now() - interval '2 hours' - make_interval(secs => %(days)s * 86400.0 * (1 - n / %(talks)s.0)) AS began
  FROM generate_series(0, %(talks)s - 1) n) t
JOIN gathered_accounts a ON a.place = t.n %% %(clients)s
LEFT JOIN gathered_raced r ON r.n = t.n;
ANALYZE talks;

INSERT INTO contacts (client_id, id, name, created_at) SELECT client_id, contact_id, pg_temp.sealed(40), began FROM talks
WHERE is_new ORDER BY n;
INSERT INTO contact_addresses (client_id, account_id, kind, key, value, contact_id, created_at)
SELECT client_id, account_id, kind, sha256(convert_to(kind || n, 'UTF8')), pg_temp.sealed(45), contact_id, began
FROM talks, unnest(ARRAY['user_id', 'phone']) AS kind WHERE is_new ORDER BY n;
INSERT INTO conversations (client_id, id, contact_id, account_id, language, last_seq, last_contact_seq, last_message_at,
  window_expires_at, disclosed_at, created_at)
SELECT client_id, id, contact_id, account_id, 'en', 25, 24, began + interval '25 minutes', began + interval '1 day', began, began
FROM talks ORDER BY n;
INSERT INTO lanes (client_id, id, queue, fence) SELECT client_id, id, 'chat', 12 FROM talks ORDER BY n;

CREATE TEMPORARY TABLE said AS
SELECT t.n, t.client_id, t.account_id, t.id AS talk, s.seq, t.began + make_interval(mins => s.seq) AS at,
  pg_temp.id_at(t.began + make_interval(mins => s.seq), 'message' || t.n || '.' || s.seq) AS id, s.seq %% 2 = 1 AS is_reply
FROM talks t, generate_series(1, 25) AS s(seq) ORDER BY t.n, s.seq;

INSERT INTO messages (client_id, id, conversation_id, seq, author, kind, said, platform_key, occurred_at, delivery_state,
  answered_by, language, created_at)
SELECT client_id, id, talk, seq, CASE WHEN is_reply THEN 'assistant' ELSE 'contact' END, 'text',
  pg_temp.sealed(CASE WHEN is_reply THEN 400 ELSE 150 END), sha256(uuid_send(id)), at,
  CASE WHEN is_reply THEN 'read' END, CASE WHEN NOT is_reply THEN id END, CASE WHEN is_reply THEN 'en' END, at
FROM said;
INSERT INTO conversation_events (client_id, conversation_id, seq, id, type, message_id, created_at)
SELECT client_id, talk, seq, id, CASE WHEN is_reply THEN 'turn.completed' ELSE 'message.created' END, id, at FROM said;
INSERT INTO answer_traces (client_id, message_id, trace, created_at)
SELECT client_id, id, pg_temp.sealed(300), at FROM said WHERE is_reply;
INSERT INTO usage_records (client_id, id, message_id, model, input_tokens, output_tokens, milliseconds, channel, created_at)
SELECT client_id, id, id, 'extractive', 200, 30, 5, 'whatsapp', at FROM said WHERE is_reply;
INSERT INTO inbound_events (client_id, account_id, event_key, created_at)
SELECT client_id, account_id, sha256(uuid_send(id)), at FROM said WHERE NOT is_reply;

DROP TABLE said, talks, gathered_raced, gathered_accounts;
SET session_replication_role = origin;
