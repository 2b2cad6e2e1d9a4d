"""The public face of security: tokens, sealed secrets, passwords. Each has a file of its own; import them from here."""

from app.core.attempts import Attempts
from app.core.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, hash_password, verify_password
from app.core.sealing import Sealer
from app.core.tokens import LONGEST_LIFE, Audience, Principal, Role, Tokens

__all__ = [
    "LONGEST_LIFE",
    "LONGEST_PASSWORD",
    "SHORTEST_PASSWORD",
    "Attempts",
    "Audience",
    "Principal",
    "Role",
    "Sealer",
    "Tokens",
    "hash_password",
    "verify_password",
]
