-- The present text of app.intend: whoever changes it adds a migration that runs this file again.
--
-- Writes down that a reply is about to be sent, and gives all that sending needs. NULL, having written nothing, for what
-- isn't as plain: a reply that isn't queued, whose lane another worker holds by now, that a human or the contact was
-- faster than, that answers what was asked too long ago, whose window is closing, that nobody can be reached
-- with, or that nobody asked for while the contact wants to hear nothing, or may have said so just now.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.intend(token text, client uuid, talk uuid, message uuid, least_seconds float8, held bigint,
  job uuid, most_seconds float8) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  c record;
  m record;
BEGIN
  PERFORM app.enter(token);
  -- The conversation is locked first, as everywhere; what the contact says from now on comes after this reply.
  SELECT o.* INTO c FROM public.conversations o WHERE o.client_id = client AND o.id = talk FOR UPDATE;
  SELECT o.* INTO m FROM public.messages o WHERE o.client_id = client AND o.id = message FOR UPDATE;
  IF c.id IS NULL OR m.id IS NULL OR m.delivery_state IS DISTINCT FROM 'queued'
      OR NOT EXISTS (SELECT FROM public.lanes l WHERE l.client_id = client AND l.id = talk AND l.fence = held
        AND l.lease_until IS NOT NULL)
      OR c.window_expires_at < clock_timestamp() + make_interval(secs => least_seconds)
      OR m.author = 'assistant' AND (c.owner = 'agent' OR c.waiting_since IS NULL AND c.last_contact_seq >= m.seq)
      OR m.author = 'assistant' AND m.reply_to_id IS NOT NULL AND EXISTS (SELECT FROM public.jobs j WHERE j.client_id = client
        AND j.id = job AND j.created_at < clock_timestamp() - make_interval(secs => most_seconds))
      OR m.author = 'assistant' AND m.reply_to_id IS NULL AND (c.last_contact_seq >= m.seq
        OR (SELECT p.opted_out FROM public.contacts p WHERE p.client_id = client AND p.id = c.contact_id))
      OR NOT EXISTS (SELECT FROM public.contact_addresses d
        WHERE d.client_id = client AND d.account_id = c.account_id AND d.contact_id = c.contact_id) THEN
    RETURN NULL;
  END IF;
  UPDATE public.messages o SET delivery_state = 'sending', delivery_error = NULL, sending_since = clock_timestamp()
  WHERE o.client_id = client AND o.id = message;
  RETURN (SELECT jsonb_build_object('language', m.language, 'said', m.said, 'account', to_jsonb(a),
    'original', (SELECT jsonb_build_object('id', o.id, 'said', o.said) FROM public.messages o
      WHERE o.client_id = client AND o.id = m.reply_to_id),
    'addresses', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'key', d.key, 'value', d.value)
      ORDER BY d.created_at DESC), '[]') FROM public.contact_addresses d
      WHERE d.client_id = client AND d.account_id = c.account_id AND d.contact_id = c.contact_id))
    FROM public.channel_configs a WHERE a.client_id = client AND a.id = c.account_id);
END $$;

REVOKE ALL ON FUNCTION app.intend(text, uuid, uuid, uuid, float8, bigint, uuid, float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.intend(text, uuid, uuid, uuid, float8, bigint, uuid, float8) TO wafaa_app;

RESET ROLE;
