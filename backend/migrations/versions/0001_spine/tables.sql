-- Every table as the first release has it, each with its fence. Frozen: later changes are later migrations.
CREATE TABLE audit_log (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  actor VARCHAR NOT NULL,
  action VARCHAR NOT NULL,
  target VARCHAR NOT NULL,
  details JSONB DEFAULT '{}' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_audit_log PRIMARY KEY (client_id, id)
);
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON audit_log TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON audit_log TO wafaa_app;

CREATE TABLE clients (
  id UUID NOT NULL,
  name VARCHAR(255) NOT NULL,
  slug VARCHAR(100) NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  settings JSONB DEFAULT '{}' NOT NULL,
  knowledge_version BIGINT DEFAULT 0 NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_clients PRIMARY KEY (id),
  CONSTRAINT uq_clients_slug UNIQUE (slug)
);
ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON clients TO wafaa_app USING (id = (SELECT app.current_client())) WITH CHECK (id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE ON clients TO wafaa_app;

CREATE TABLE inbound_events (
  client_id UUID NOT NULL,
  account_id UUID NOT NULL,
  event_key VARCHAR NOT NULL,
  state VARCHAR DEFAULT 'processed' NOT NULL,
  raw JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_inbound_events PRIMARY KEY (client_id, account_id, event_key)
);
CREATE INDEX ix_inbound_events_state ON inbound_events (client_id, state, created_at);
ALTER TABLE inbound_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbound_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON inbound_events TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, DELETE ON inbound_events TO wafaa_app;

CREATE TABLE answer_traces (
  client_id UUID NOT NULL,
  message_id UUID NOT NULL,
  trace JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_answer_traces PRIMARY KEY (client_id, message_id),
  CONSTRAINT fk_answer_traces_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE answer_traces ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer_traces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON answer_traces TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, DELETE ON answer_traces TO wafaa_app;

CREATE TABLE channel_configs (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  external_id VARCHAR NOT NULL,
  sealed BYTEA NOT NULL,
  public JSONB DEFAULT '{}' NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_channel_configs PRIMARY KEY (client_id, id),
  CONSTRAINT uq_channel_configs_client_id_kind_external_id UNIQUE (client_id, kind, external_id),
  CONSTRAINT fk_channel_configs_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE channel_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_configs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON channel_configs TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON channel_configs TO wafaa_app;

CREATE TABLE contacts (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  display_name VARCHAR,
  language VARCHAR,
  opted_out BOOLEAN DEFAULT false NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_contacts PRIMARY KEY (client_id, id),
  CONSTRAINT fk_contacts_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contacts TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON contacts TO wafaa_app;

CREATE TABLE jobs (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  lane_id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  payload JSONB NOT NULL,
  state VARCHAR DEFAULT 'pending' NOT NULL,
  attempts INTEGER DEFAULT 0 NOT NULL,
  error VARCHAR,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_jobs PRIMARY KEY (client_id, id),
  CONSTRAINT fk_jobs_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX ix_jobs_parked ON jobs (client_id, id) WHERE state = 'parked';
CREATE INDEX ix_jobs_pending ON jobs (client_id, lane_id, id) WHERE state = 'pending';
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON jobs TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO wafaa_app;

CREATE TABLE knowledge_sources (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  name VARCHAR NOT NULL,
  kind VARCHAR DEFAULT 'upload' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_knowledge_sources PRIMARY KEY (client_id, id),
  CONSTRAINT fk_knowledge_sources_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_knowledge_sources_name ON knowledge_sources (client_id, name);
ALTER TABLE knowledge_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_sources FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON knowledge_sources TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_sources TO wafaa_app;

CREATE TABLE lanes (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  queue VARCHAR NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  lease_until TIMESTAMP WITH TIME ZONE,
  fence BIGINT DEFAULT 0 NOT NULL,
  CONSTRAINT pk_lanes PRIMARY KEY (client_id, id),
  CONSTRAINT fk_lanes_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX ix_lanes_due ON lanes (queue, due_at) WHERE due_at IS NOT NULL;
ALTER TABLE lanes ENABLE ROW LEVEL SECURITY;
ALTER TABLE lanes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON lanes TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON lanes TO wafaa_app;

CREATE TABLE staff (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  email VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  role VARCHAR NOT NULL,
  password_hash VARCHAR NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff PRIMARY KEY (client_id, id),
  CONSTRAINT uq_staff_client_id_email UNIQUE (client_id, email),
  CONSTRAINT fk_staff_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON staff TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON staff TO wafaa_app;

CREATE TABLE usage_records (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  message_id UUID NOT NULL,
  model VARCHAR NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_usage_records PRIMARY KEY (client_id, id),
  CONSTRAINT fk_usage_records_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE usage_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON usage_records TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON usage_records TO wafaa_app;

CREATE TABLE contact_addresses (
  client_id UUID NOT NULL,
  account_id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  value VARCHAR NOT NULL,
  contact_id UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_contact_addresses PRIMARY KEY (client_id, account_id, kind, value),
  CONSTRAINT fk_contact_addresses_client_id_contact_id FOREIGN KEY(client_id, contact_id) REFERENCES contacts (client_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_contact_addresses_client_id_account_id FOREIGN KEY(client_id, account_id) REFERENCES channel_configs (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_contact_addresses_client_id_contact_id ON contact_addresses (client_id, contact_id);
ALTER TABLE contact_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contact_addresses TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_addresses TO wafaa_app;

CREATE TABLE conversations (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  contact_id UUID NOT NULL,
  account_id UUID NOT NULL,
  status VARCHAR DEFAULT 'open' NOT NULL,
  owner VARCHAR DEFAULT 'assistant' NOT NULL,
  agent_id UUID,
  waiting_since TIMESTAMP WITH TIME ZONE,
  handover_reason VARCHAR,
  language VARCHAR,
  last_seq BIGINT DEFAULT 0 NOT NULL,
  last_contact_seq BIGINT DEFAULT 0 NOT NULL,
  last_message_at TIMESTAMP WITH TIME ZONE,
  window_expires_at TIMESTAMP WITH TIME ZONE,
  disclosed_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_conversations PRIMARY KEY (client_id, id),
  CONSTRAINT fk_conversations_client_id_contact_id FOREIGN KEY(client_id, contact_id) REFERENCES contacts (client_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_conversations_client_id_account_id FOREIGN KEY(client_id, account_id) REFERENCES channel_configs (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_conversations_waiting ON conversations (client_id, waiting_since) WHERE status = 'open';
CREATE UNIQUE INDEX uq_conversations_open ON conversations (client_id, account_id, contact_id) WHERE status = 'open';
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON conversations TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON conversations TO wafaa_app;

CREATE TABLE knowledge_documents (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  source_id UUID NOT NULL,
  title VARCHAR NOT NULL,
  filename VARCHAR DEFAULT '' NOT NULL,
  media_type VARCHAR NOT NULL,
  url VARCHAR,
  content VARCHAR,
  metadata JSONB DEFAULT '{}' NOT NULL,
  vector_id VARCHAR(255),
  original BYTEA,
  sha256 VARCHAR NOT NULL,
  indexed VARCHAR,
  status VARCHAR DEFAULT 'pending' NOT NULL,
  progress DOUBLE PRECISION DEFAULT 0 NOT NULL,
  error VARCHAR,
  version INTEGER DEFAULT 1 NOT NULL,
  chunk_count INTEGER DEFAULT 0 NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_knowledge_documents PRIMARY KEY (client_id, id),
  CONSTRAINT fk_knowledge_documents_client_id_source_id FOREIGN KEY(client_id, source_id) REFERENCES knowledge_sources (client_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_knowledge_documents_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_knowledge_documents_title ON knowledge_documents (client_id, source_id, title);
ALTER TABLE knowledge_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON knowledge_documents TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_documents TO wafaa_app;

CREATE TABLE conversation_events (
  client_id UUID NOT NULL,
  conversation_id UUID NOT NULL,
  seq BIGINT NOT NULL,
  type VARCHAR NOT NULL,
  data JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_conversation_events PRIMARY KEY (client_id, conversation_id, seq),
  CONSTRAINT fk_conversation_events_client_id_conversation_id FOREIGN KEY(client_id, conversation_id) REFERENCES conversations (client_id, id) ON DELETE CASCADE
);
ALTER TABLE conversation_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON conversation_events TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_events TO wafaa_app;

CREATE TABLE knowledge_chunks (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  document_id UUID NOT NULL,
  ordinal INTEGER NOT NULL,
  language VARCHAR NOT NULL,
  length INTEGER NOT NULL,
  title_path VARCHAR NOT NULL,
  question VARCHAR,
  text VARCHAR NOT NULL,
  sentences VARCHAR[] NOT NULL,
  model VARCHAR NOT NULL,
  CONSTRAINT pk_knowledge_chunks PRIMARY KEY (client_id, id),
  CONSTRAINT fk_knowledge_chunks_client_id_document_id FOREIGN KEY(client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_knowledge_chunks_document ON knowledge_chunks (client_id, document_id, ordinal);
ALTER TABLE knowledge_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON knowledge_chunks TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_chunks TO wafaa_app;

CREATE TABLE knowledge_postings (
  client_id UUID NOT NULL,
  language VARCHAR NOT NULL,
  term VARCHAR COLLATE "C" NOT NULL,
  document_id UUID NOT NULL,
  ordinals INTEGER[] NOT NULL,
  frequencies INTEGER[] NOT NULL,
  CONSTRAINT pk_knowledge_postings PRIMARY KEY (client_id, language, term, document_id),
  CONSTRAINT fk_knowledge_postings_client_id_document_id FOREIGN KEY(client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_knowledge_postings_document ON knowledge_postings (client_id, document_id);
ALTER TABLE knowledge_postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_postings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON knowledge_postings TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_postings TO wafaa_app;

CREATE TABLE messages (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  conversation_id UUID NOT NULL,
  seq BIGINT NOT NULL,
  author VARCHAR NOT NULL,
  kind VARCHAR DEFAULT 'text' NOT NULL,
  text VARCHAR,
  language VARCHAR,
  content JSONB DEFAULT '{}' NOT NULL,
  citations JSONB DEFAULT '[]' NOT NULL,
  platform_message_id VARCHAR,
  reply_to_id UUID,
  staff_id UUID,
  occurred_at TIMESTAMP WITH TIME ZONE,
  delivery_state VARCHAR,
  delivery_error VARCHAR,
  sending_since TIMESTAMP WITH TIME ZONE,
  answered_by UUID,
  is_stale BOOLEAN DEFAULT false NOT NULL,
  is_deleted BOOLEAN DEFAULT false NOT NULL,
  offer_human BOOLEAN DEFAULT false NOT NULL,
  feedback VARCHAR,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_messages PRIMARY KEY (client_id, id),
  CONSTRAINT fk_messages_client_id_conversation_id FOREIGN KEY(client_id, conversation_id) REFERENCES conversations (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_messages_conversation ON messages (client_id, conversation_id, seq);
CREATE INDEX ix_messages_platform_message_id ON messages (client_id, platform_message_id);
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON messages TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON messages TO wafaa_app;

CREATE TABLE attachments (
  client_id UUID NOT NULL,
  id UUID NOT NULL,
  message_id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  media_id VARCHAR,
  url VARCHAR,
  mime_type VARCHAR,
  sha256 VARCHAR,
  filename VARCHAR,
  caption VARCHAR,
  CONSTRAINT pk_attachments PRIMARY KEY (client_id, id),
  CONSTRAINT fk_attachments_client_id_message_id FOREIGN KEY(client_id, message_id) REFERENCES messages (client_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_attachments_client_id_message_id ON attachments (client_id, message_id);
ALTER TABLE attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON attachments TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT, UPDATE, DELETE ON attachments TO wafaa_app;
