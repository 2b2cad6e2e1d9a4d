-- The present text of app.floor_of: whoever changes it adds a migration that runs this file again.
--
-- Less than the id of anything that belongs to what has this id: older months needn't be looked at. Five weeks'
-- allowance: clocks are set back.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.floor_of(id uuid) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN substr(id::text, 15, 1) = '7' THEN rpad(lpad(to_hex(greatest(
    ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - 3024000000, 0)), 12, '0'), 32, '0')::uuid
    ELSE '00000000-0000-0000-0000-000000000000'::uuid END;
END $$;

REVOKE ALL ON FUNCTION app.floor_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.floor_of(uuid) TO wafaa_app;
RESET ROLE;
