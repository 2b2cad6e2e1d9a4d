-- Who remembers by which doors platforms may come in is told at commit whose have changed.
CREATE FUNCTION app.tell_doors() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('wafaa_doors', to_jsonb(coalesce(NEW, OLD)) ->> TG_ARGV[0]);
  RETURN NULL;
END $$;

CREATE TRIGGER tell_doors AFTER DELETE OR UPDATE OF slug, name, is_active ON clients
  FOR EACH ROW EXECUTE FUNCTION app.tell_doors('id');
CREATE TRIGGER tell_doors AFTER INSERT OR UPDATE OR DELETE ON channel_configs
  FOR EACH ROW EXECUTE FUNCTION app.tell_doors('client_id');
CREATE TRIGGER tell_doors AFTER INSERT OR UPDATE OR DELETE ON vault.channel_routes
  FOR EACH ROW EXECUTE FUNCTION app.tell_doors('client_id');
