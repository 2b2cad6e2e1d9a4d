"""The seam to language models: every file is one provider."""
