-- Rotation seals these anew.
SET ROLE wafaa_definer;
GRANT UPDATE (trace) ON answer_traces TO wafaa_app;
RESET ROLE;
GRANT UPDATE (kept) ON inbound_events TO wafaa_app;

ALTER TABLE client_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_chunks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_postings NO FORCE ROW LEVEL SECURITY;

ALTER TABLE knowledge_sources RENAME COLUMN name TO clear;
ALTER TABLE knowledge_sources ADD COLUMN name_key BYTEA, ADD COLUMN name BYTEA;
ALTER TABLE knowledge_documents RENAME COLUMN content TO clear_content;
ALTER TABLE knowledge_documents RENAME COLUMN original TO clear_original;
ALTER TABLE knowledge_documents RENAME COLUMN error TO clear_error;
ALTER TABLE knowledge_documents ADD COLUMN title_key BYTEA, ADD COLUMN named BYTEA, ADD COLUMN content BYTEA,
  ADD COLUMN original BYTEA, ADD COLUMN error BYTEA, ADD COLUMN digest VARCHAR;
ALTER TABLE knowledge_chunks ADD COLUMN passage BYTEA;
ALTER TABLE knowledge_postings RENAME COLUMN term TO clear;
ALTER TABLE knowledge_postings ADD COLUMN term BYTEA;
