"""The public face of security: tokens, sealed values, passwords. Each has a file of its own; import them from here."""

from app.core.attempts import Attempts, LocalCounts, RedisCounts
from app.core.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, hash_password, verify_password
from app.core.principal import LONGEST_LIFE, RIGHTS, Audience, Principal, Role, Scope
from app.core.sealing import Cipher, Ciphers
from app.core.tokens import Tokens

__all__ = [
    "LONGEST_LIFE",
    "LONGEST_PASSWORD",
    "RIGHTS",
    "SHORTEST_PASSWORD",
    "Attempts",
    "Audience",
    "Cipher",
    "Ciphers",
    "LocalCounts",
    "Principal",
    "RedisCounts",
    "Role",
    "Scope",
    "Tokens",
    "hash_password",
    "verify_password",
]
