"""Reads whatever a caller shows as a bearer credential. A new kind of credential comes in here, and nowhere else."""

from app.core.security import Audience, Principal, Tokens
from app.services.identity.sessions import Sessions


class Credentials:
    """Turns a credential into the principal that it speaks of."""

    def __init__(self, tokens: Tokens, sessions: Sessions) -> None:
        self._tokens = tokens
        self._sessions = sessions

    async def read(self, shown: str, audience: Audience) -> Principal:
        """The principal behind a credential.

        Raises:
            Unauthenticated: It is none of ours, or no longer good; the reason is not told.
            Unavailable: It can't be looked up now.
        """
        found = self._tokens.verify(shown, audience)
        if audience is Audience.API:
            await self._sessions.refuse_ended(found)
        return found
