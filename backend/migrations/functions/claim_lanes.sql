-- The present text of app.claim_lanes: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- Takes due lanes for a lease, by deficit round robin: from the client whose turn it is, each takes as many lanes as its
-- weight, then the next. `wanted` has for each queue: how many places are free, how many lanes one client may hold
-- (`cap`) and how many the caller runs of whom (`running`), which client had the last turn (`after`) and what of it is
-- left (`credit`). Few clients are looked at, and few lanes of each: ten thousand due lanes cost what a hundred do.
-- No claim waits for the disk: a server that dies may forget it, and what was done under it is forgotten before that. But
-- whoever claimed may live on, so its fence is never given again: it is the time in microseconds, and rises.
-- A table of millions is never read, whatever the planner makes of the numbers; and these it makes while there is nothing
-- to do, when all ways cost the same. So no choice is left to it: what is found is joined by key, or by its place in the
-- table, and rows are asked for in the order of one index alone, where sorting is out of the question. Nor is read what
-- was due before a queue's floor (queues.sql): only what is done lies there, and while somebody reads a snapshot, as for a
-- backup, it can't be cleared away.
CREATE OR REPLACE FUNCTION app.claim_lanes(wanted jsonb, lease_seconds float8)
RETURNS TABLE (client_id uuid, lane_id uuid, fence bigint, job_id uuid, kind text, payload jsonb, attempts int,
  queue text, credit int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  q record;
  moment timestamptz := clock_timestamp();
  visits int;
BEGIN
  FOR q IN
    SELECT r.queue, r.places, r.cap, r.running, coalesce(r.credit, 0) AS credit,
      coalesce(r.after, '00000000-0000-0000-0000-000000000000') AS after, coalesce(f.floor, '-infinity') AS floor
    FROM jsonb_to_recordset(wanted) AS r(queue text, places int, cap int, running jsonb, after uuid, credit int)
    LEFT JOIN vault.lane_floors f ON f.queue = r.queue
  LOOP
    visits := q.places * 2 + 8;
    RETURN QUERY
    WITH RECURSIVE ahead(client_id, n) AS (
      SELECT q.after, 0
      UNION ALL
      SELECT x.client_id, a.n + 1 FROM ahead a CROSS JOIN LATERAL (
        SELECT l.client_id FROM public.lanes l
        WHERE l.queue = q.queue AND l.client_id > a.client_id AND l.due_at >= q.floor AND l.due_at <= moment
          AND (l.lease_until IS NULL OR l.lease_until < moment)
        ORDER BY l.client_id, l.due_at LIMIT 1) x
      WHERE a.n < visits
    ), behind(client_id, n) AS (
      SELECT '00000000-0000-0000-0000-000000000000'::uuid, 0
      UNION ALL
      SELECT x.client_id, b.n + 1 FROM behind b CROSS JOIN LATERAL (
        SELECT l.client_id FROM public.lanes l
        WHERE l.queue = q.queue AND l.client_id > b.client_id AND l.client_id <= q.after
          AND l.due_at >= q.floor AND l.due_at <= moment
          AND (l.lease_until IS NULL OR l.lease_until < moment)
        ORDER BY l.client_id, l.due_at LIMIT 1) x
      WHERE b.n < visits - (SELECT max(n) FROM ahead)
    ), turns AS (
      SELECT v.client_id, v.place, c.weight,
        CASE WHEN v.place = 0 THEN greatest(c.weight - q.credit, 0) ELSE 0 END AS used,
        q.cap - coalesce((q.running ->> v.client_id::text)::int, 0) AS room
      FROM (
        SELECT a.client_id, a.n AS place FROM ahead a WHERE a.n > 0 OR q.credit > 0
        UNION ALL
        SELECT b.client_id, visits + b.n FROM behind b
        WHERE b.n > 0 AND NOT (q.credit > 0 AND b.client_id = q.after)
      ) v JOIN public.clients c ON c.id = v.client_id
    ), candidates AS (
      SELECT t.client_id, d.id, d.spot, t.place, t.weight,
        t.used + row_number() OVER (PARTITION BY t.client_id ORDER BY d.due_at, d.id) - 1 AS taken
      FROM turns t CROSS JOIN LATERAL (
        SELECT l.id, l.due_at, l.ctid AS spot FROM public.lanes l
        WHERE l.queue = q.queue AND (l.client_id, l.due_at) >= (t.client_id, q.floor)
          AND (l.client_id, l.due_at) <= (t.client_id, moment)
          AND l.due_at <= moment AND (l.lease_until IS NULL OR l.lease_until < moment)
        ORDER BY l.client_id, l.due_at LIMIT greatest(least(t.room, t.weight + 2 * q.places / (SELECT count(*)::int FROM turns)), 0)) d
    ), locked AS (
      -- Locked in the order of turns, and no more than are wanted: what another worker is about to take is left to it.
      SELECT k.spot, k.at, k.credit FROM (
        SELECT c.client_id, c.id, c.spot, (c.weight - 1 - c.taken % c.weight)::int AS credit,
          row_number() OVER (ORDER BY c.taken / c.weight, c.place, c.taken) AS at
        FROM candidates c ORDER BY at
      ) k CROSS JOIN LATERAL (
        SELECT FROM public.lanes l WHERE l.ctid = k.spot AND l.client_id = k.client_id AND l.id = k.id AND l.due_at <= moment
          AND (l.lease_until IS NULL OR l.lease_until < moment) FOR UPDATE SKIP LOCKED) held
      LIMIT q.places
    ), taken AS (
      UPDATE public.lanes l
      SET fence = greatest(l.fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
        lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
      FROM locked k WHERE l.ctid = k.spot
      RETURNING l.client_id, l.id, l.fence, k.at, k.credit
    ), begun AS (
      UPDATE public.jobs j SET attempts = j.attempts + 1
      FROM taken t CROSS JOIN LATERAL (
        SELECT f.ctid AS spot FROM public.jobs f
        WHERE f.client_id = t.client_id AND f.lane_id >= t.id AND f.lane_id <= t.id AND f.state = 'pending'
        ORDER BY f.lane_id, f.id LIMIT 1) first
      WHERE j.ctid = first.spot
      RETURNING j.client_id, j.lane_id, t.fence, j.id, j.kind, j.payload, j.attempts, t.credit, t.at
    )
    SELECT b.client_id, b.lane_id, b.fence, b.id, b.kind::text, b.payload, b.attempts, q.queue, b.credit
    FROM begun b ORDER BY b.at;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION app.claim_lanes(jsonb, float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.claim_lanes(jsonb, float8) TO wafaa_app;
RESET ROLE;
