"""Event logs: every file is one, and its name is what QUEUE_BROKER says."""
