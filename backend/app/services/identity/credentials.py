"""Reads whatever a caller shows as a bearer credential. A new kind of credential comes in here, and nowhere else."""

from dataclasses import replace
from uuid import UUID

from app.core.errors import Unauthenticated
from app.core.multi_tenant import Database
from app.core.security import Audience, Principal, Role, Tokens
from app.core.token_keys import Claims, head_of
from app.models.oauth import OAuthApplication, OAuthGrant
from app.services.identity.api_keys import PREFIX, ApiKeys
from app.services.identity.sessions import Sessions
from app.services.identity.signing_keys import SigningKeys
from app.utils.remembered import Remembered

STANDING_SECONDS = 2.0
"""How long a revoked grant may go on, at most."""


class Credentials:
    """Turns a credential into the principal that it speaks of."""

    def __init__(
        self,
        tokens: Tokens,
        sessions: Sessions,
        signing_keys: SigningKeys,
        api_keys: ApiKeys,
        grants: "Grants",
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._signing_keys = signing_keys
        self._api_keys = api_keys
        self._grants = grants

    @classmethod
    def over(
        cls, db: Database, tokens: Tokens, sessions: Sessions, signing_keys: SigningKeys
    ) -> "Credentials":
        """All kinds of credentials."""
        return cls(tokens, sessions, signing_keys, ApiKeys(db), Grants(db))

    async def read(self, shown: str, audience: Audience) -> Principal:
        """The principal behind a credential.

        Raises:
            Unauthenticated: It is none of ours, or no longer good; the reason is not told.
            Unavailable: It can't be looked up now.
        """
        head = head_of(shown)
        if head == self._tokens.key.head:
            found = self._tokens.verify(shown, audience)
            if audience is Audience.API:
                await self._sessions.refuse_ended(found)
            return found
        if audience is not Audience.API:
            raise Unauthenticated
        if shown.startswith(PREFIX):
            return await self._api_keys.read(shown)
        return await self._grants.principal(await self._signing_keys.claims(shown))


class Grants:
    """Whether what a token rests on still stands: its application, its client, and whom it acts for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._standing: Remembered[tuple[UUID, str, UUID | None], str | None] = Remembered(
            seconds=STANDING_SECONDS
        )

    async def principal(self, claims: Claims) -> Principal:
        """Who a token speaks of, with the role that they have now.

        Raises:
            Unauthenticated: It was revoked.
        """
        key = (claims.client, claims.client_id, claims.grant)
        role = await self._standing.get(key, lambda: self._role(claims))
        if role is None:
            raise Unauthenticated
        return replace(claims.principal(), role=Role(role))

    async def _role(self, claims: Claims) -> str | None:
        async with self._db.tenant(claims.client) as tx:
            if claims.grant is not None:
                return await OAuthGrant.role(tx, claims.grant)
            stands = await OAuthApplication.stands(tx, UUID(claims.client_id))
            return Role.SERVICE if stands else None
