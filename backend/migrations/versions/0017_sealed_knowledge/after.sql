DROP INDEX uq_knowledge_sources_name;
ALTER TABLE knowledge_sources DROP COLUMN clear, ALTER COLUMN name_key SET NOT NULL, ALTER COLUMN name SET NOT NULL;
CREATE UNIQUE INDEX uq_knowledge_sources_name_key ON knowledge_sources (client_id, name_key);
DROP INDEX uq_knowledge_documents_title;
ALTER TABLE knowledge_documents DROP COLUMN title, DROP COLUMN filename, DROP COLUMN url, DROP COLUMN clear_content,
  DROP COLUMN clear_original, DROP COLUMN clear_error, DROP COLUMN sha256, ALTER COLUMN title_key SET NOT NULL,
  ALTER COLUMN named SET NOT NULL, ALTER COLUMN digest SET NOT NULL;
CREATE UNIQUE INDEX uq_knowledge_documents_title_key ON knowledge_documents (client_id, source_id, title_key);
ALTER TABLE knowledge_chunks DROP COLUMN title_path, DROP COLUMN question, DROP COLUMN text, DROP COLUMN sentences,
  ALTER COLUMN passage SET NOT NULL;
ALTER TABLE knowledge_postings DROP CONSTRAINT pk_knowledge_postings;
ALTER TABLE knowledge_postings DROP COLUMN clear, ALTER COLUMN term SET NOT NULL,
  ADD CONSTRAINT pk_knowledge_postings PRIMARY KEY (client_id, language, term, document_id);

ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_sources FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_documents FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE knowledge_postings FORCE ROW LEVEL SECURITY;
