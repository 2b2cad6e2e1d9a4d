"""Who is calling: credentials of every kind, and what gives them out."""
