ALTER TABLE contacts DROP COLUMN display_name;
ALTER TABLE contact_addresses DROP CONSTRAINT pk_contact_addresses;
ALTER TABLE contact_addresses DROP COLUMN clear, ALTER COLUMN key SET NOT NULL, ALTER COLUMN value SET NOT NULL,
  ADD CONSTRAINT pk_contact_addresses PRIMARY KEY (client_id, account_id, kind, key);
ALTER TABLE inbound_events DROP CONSTRAINT pk_inbound_events;
ALTER TABLE inbound_events DROP COLUMN clear, DROP COLUMN raw, ALTER COLUMN event_key SET NOT NULL,
  ADD CONSTRAINT pk_inbound_events PRIMARY KEY (client_id, account_id, event_key);
ALTER TABLE conversation_events DROP COLUMN clear, ALTER COLUMN id SET NOT NULL;
DROP INDEX ix_messages_platform_message_id;
ALTER TABLE messages DROP COLUMN text, DROP COLUMN content, DROP COLUMN citations, DROP COLUMN platform_message_id,
  DROP COLUMN clear_error, DROP COLUMN clear_feedback, ALTER COLUMN said SET NOT NULL;
CREATE INDEX ix_messages_platform_key ON messages (client_id, platform_key);
ALTER TABLE attachments DROP COLUMN media_id, DROP COLUMN url, DROP COLUMN mime_type, DROP COLUMN sha256,
  DROP COLUMN filename, DROP COLUMN caption, ALTER COLUMN medium SET NOT NULL;
ALTER TABLE answer_traces DROP COLUMN clear, ALTER COLUMN trace SET NOT NULL;
ALTER TABLE jobs DROP COLUMN clear;

ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_configs FORCE ROW LEVEL SECURITY;
ALTER TABLE staff_factors FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_addresses FORCE ROW LEVEL SECURITY;
ALTER TABLE inbound_events FORCE ROW LEVEL SECURITY;
ALTER TABLE conversation_events FORCE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;
ALTER TABLE answer_traces FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;

