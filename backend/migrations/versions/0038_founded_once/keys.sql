SET ROLE wafaa_definer;

-- Requests that make a client, as idempotency_keys has those of one: keyed hashes, and a box that the same request opens.
-- They are no client's: the one that is made isn't there before, and a repeat would make another.
CREATE TABLE vault.founding_keys (
  name bytea PRIMARY KEY, fingerprint bytea NOT NULL, status int, answer bytea,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Enters a request, and waits for a simultaneous twin to end; gives what the same came to, no row for a new one.
CREATE FUNCTION app.claim_founding(named bytea, asked bytea, kept_hours int)
RETURNS TABLE (fingerprint bytea, status int, answer bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM vault.founding_keys k WHERE k.created_at < clock_timestamp() - make_interval(hours => kept_hours);
  INSERT INTO vault.founding_keys (name, fingerprint) VALUES (named, asked) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT k.fingerprint, k.status, k.answer FROM vault.founding_keys k WHERE k.name = named;
  IF NOT FOUND THEN
    RAISE lock_not_available USING MESSAGE = 'It has just grown old.';
  END IF;
END $$;

-- Keeps what a request came to, in the transaction of what it did.
CREATE FUNCTION app.keep_founding(named bytea, came_to int, sealed bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE vault.founding_keys SET status = came_to, answer = sealed WHERE name = named AND status IS NULL
$$;

REVOKE ALL ON FUNCTION app.claim_founding(bytea, bytea, int), app.keep_founding(bytea, int, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.claim_founding(bytea, bytea, int), app.keep_founding(bytea, int, bytea) TO wafaa_app;

RESET ROLE;
