-- Clients' keys, wrapped by a key service. No foreign key to clients: a key is there before its client, in the same
-- call, and its empty row outlives it, so that a destroyed key doesn't come back by itself.
CREATE TABLE client_keys (
  client_id UUID NOT NULL,
  version INTEGER NOT NULL,
  wrapped BYTEA,
  under VARCHAR NOT NULL,
  seals_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_client_keys PRIMARY KEY (client_id, version)
);
ALTER TABLE client_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON client_keys TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON client_keys TO wafaa_app;

-- What is sealed gets its place; what stands there in clear is read by its owner, sealed, and dropped.
ALTER TABLE client_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_configs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE staff_factors NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_addresses NO FORCE ROW LEVEL SECURITY;
ALTER TABLE inbound_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE conversation_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attachments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE answer_traces NO FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;

ALTER TABLE contacts ADD COLUMN name BYTEA;
ALTER TABLE contact_addresses RENAME COLUMN value TO clear;
ALTER TABLE contact_addresses ADD COLUMN key BYTEA, ADD COLUMN value BYTEA;
ALTER TABLE inbound_events RENAME COLUMN event_key TO clear;
ALTER TABLE inbound_events ADD COLUMN event_key BYTEA, ADD COLUMN kept BYTEA;
ALTER TABLE conversation_events RENAME COLUMN data TO clear;
ALTER TABLE conversation_events ADD COLUMN id UUID, ADD COLUMN message_id UUID, ADD COLUMN data BYTEA;
UPDATE conversation_events SET id = gen_random_uuid();
ALTER TABLE messages RENAME COLUMN delivery_error TO clear_error;
ALTER TABLE messages RENAME COLUMN feedback TO clear_feedback;
ALTER TABLE messages ADD COLUMN said BYTEA, ADD COLUMN platform_key BYTEA, ADD COLUMN delivery_error BYTEA,
  ADD COLUMN feedback BYTEA;
ALTER TABLE attachments ADD COLUMN medium BYTEA;
ALTER TABLE answer_traces RENAME COLUMN trace TO clear;
ALTER TABLE answer_traces ADD COLUMN trace BYTEA;
ALTER TABLE jobs RENAME COLUMN error TO clear;
ALTER TABLE jobs ADD COLUMN error BYTEA;
