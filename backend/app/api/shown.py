"""What a request shows of its caller: one bearer credential, or the session of a browser."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.api.cookies import SESSION, Cookies
from app.api.guesses import Guesses
from app.core.errors import Unauthenticated
from app.core.multi_tenant import Database
from app.core.principal import Audience, Principal
from app.models.staff_session import Stage
from app.services.identity import access_grants
from app.services.identity.api_keys import PREFIX
from app.services.identity.credentials import Credentials
from app.services.identity.sessions import Sessions

FOUND = "session"
"""Where a request's state keeps the session that it came with."""
_VISITORS = "/web/"


class Shown:
    """Knows callers by what they show; a request that shows a credential is not looked at for a cookie."""

    def __init__(
        self,
        db: Database,
        credentials: Credentials,
        sessions: Sessions,
        cookies: Cookies,
        guesses: Guesses,
    ) -> None:
        self._db = db
        self._credentials = credentials
        self._sessions = sessions
        self._cookies = cookies
        self._guesses = guesses

    async def __call__(self, scope: Scope) -> Principal | None:
        """Who is calling, if the request proves it."""
        request = HTTPConnection(scope)
        shown = request.headers.getlist("authorization")
        visitors = scope["path"].startswith(_VISITORS)
        if not shown and not visitors:
            return await self._by_session(request)
        kind, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        if kind.lower() != "bearer":
            return None
        audience = Audience.WEB if visitors else Audience.API
        try:
            found = await self._by_credential(scope, token.strip(), audience)
            if (grant_id := access_grants.grant_of(found)) is not None:
                asked = f"{scope['method']} {scope['path']}"
                await access_grants.use(self._db, found, grant_id, asked)
        except Unauthenticated:
            return None
        return found

    async def _by_credential(self, scope: Scope, token: str, audience: Audience) -> Principal:
        async def read(shown: str) -> Principal:
            return await self._credentials.read(shown, audience)

        if not token.startswith(PREFIX):
            return await read(token)
        if (found := await self._guesses.look_up(scope["client"][0], token, read)) is None:
            raise Unauthenticated
        return found

    async def _by_session(self, request: HTTPConnection) -> Principal | None:
        """Who is signed in; who is still on the way there is kept for the sign-in pages, and is nobody elsewhere."""
        secret = self._cookies.read(request, SESSION)
        if not secret:
            return None
        address = request.scope["client"][0]
        found = await self._guesses.look_up(address, secret, self._sessions.resume)
        if found is None:
            return None
        request.scope.setdefault("state", {})[FOUND] = found
        return found.principal if found.stage is Stage.FULL else None
