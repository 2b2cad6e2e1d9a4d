"""The servers that come along where none is given."""
