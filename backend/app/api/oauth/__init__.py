"""OAuth 2.0 over HTTP: what an application finds out, asks people for, and is given."""
