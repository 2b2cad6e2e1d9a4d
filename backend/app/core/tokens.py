"""Our own access tokens (RFC 9068): signed notes that say who is calling, for which client, and in which role.

One key, one algorithm: HS256 with ``JWT_SECRET_KEY``; what others have to be able to verify is signed with keys that
we publish, see ``token_keys``. The audience keeps staff and visitors apart: a visitor's token opens nothing of the
console, and the other way round.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from joserfc.jwk import OctKey

from app.core.errors import Misconfigured
from app.core.principal import LONGEST_LIFE, Audience, Principal, Role
from app.core.token_keys import CONSOLE, WIDGET, Algorithm, TokenKey

SHORTEST_SECRET = 32


class Tokens:
    """Issues and verifies our own access tokens."""

    def __init__(self, secret: str, issuer: str, clock: Callable[[], float] = time.time) -> None:
        """Takes the key.

        Raises:
            Misconfigured: The secret is shorter than HS256 needs.
        """
        if len(secret.encode()) < SHORTEST_SECRET:
            raise Misconfigured(f"JWT_SECRET_KEY needs at least {SHORTEST_SECRET} bytes.")
        self.key = TokenKey(Algorithm.HS256, OctKey.import_key(secret.encode()), issuer)
        self._clock = clock

    def issue(self, principal: Principal, ttl: timedelta = LONGEST_LIFE) -> str:
        """A signed token for a principal.

        Raises:
            ValueError: It would live longer than tokens of its audience may.
        """
        return self.key.sign(claims_of(principal, self.key.issuer, self._clock(), ttl))

    def verify(self, token: str, audience: Audience = Audience.API) -> Principal:
        """The principal that a token speaks of.

        Raises:
            Unauthenticated: It is forged, expired, for another audience or otherwise not one of ours; the
                reason is not told.
        """
        return self.key.claims(token, audience, self._clock()).principal()


def claims_of(
    principal: Principal, issuer: str, now: float, ttl: timedelta = LONGEST_LIFE
) -> dict[str, Any]:
    """What a token for a principal says.

    Raises:
        ValueError: It would live longer than tokens of its audience may.
    """
    if not timedelta() < ttl <= principal.audience.longest_life:
        raise ValueError(f"This token lives at most {principal.audience.longest_life}.")
    return {
        "iss": issuer,
        "aud": principal.audience,
        "sub": principal.subject,
        "client_id": _application(principal),
        "client": str(principal.client_id),
        "role": principal.role,
        "iat": int(now),
        "exp": int(now) + int(ttl.total_seconds()),
        "jti": uuid4().hex,
    } | _narrower_claims(principal)


def _application(principal: Principal) -> str:
    """RFC 9068's ``client_id``: the program that the token was issued to, which is not our client."""
    if principal.application is not None:
        return principal.application
    match principal.role:
        case Role.VISITOR:
            return WIDGET
        case Role.SERVICE:
            return principal.subject
        case _:
            return CONSOLE


def _narrower_claims(principal: Principal) -> dict[str, str]:
    scopes = principal.scopes
    claims = {
        "scope": None if scopes is None else " ".join(sorted(scopes)),
        "contact": principal.contact_id,
        "conversation": principal.conversation_id,
        "account": principal.account_id,
        "sid": principal.session_id,
    }
    return {name: str(value) for name, value in claims.items() if value is not None}
