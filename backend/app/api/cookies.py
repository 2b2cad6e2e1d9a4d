"""The cookie by which a browser shows its session, and the proof that a request comes from our own page.

The cookie is out of reach for scripts, goes to this host alone, and doesn't come along with other sites' forms. Beside
that, what changes something has to name our own origin, as every browser does: a page of somebody else can't.
"""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.core.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION = "wafaa_session"
FOREIGN = "This has to come from a page of this installation itself. Open it there and try again."


@dataclass(frozen=True, slots=True)
class Cookies:
    """Sets and reads our cookies.

    Attributes:
        public_url: How people reach this installation; where it is not set, the request's own host counts.
    """

    public_url: str | None

    @property
    def https(self) -> bool:
        """Whether browsers come over TLS."""
        return (self.public_url or "").startswith("https://")

    def name(self, name: str) -> str:
        """A cookie's name. The prefix makes browsers insist: secure, of this host alone, for all paths."""
        return f"__Host-{name}" if self.https else name

    def read(self, request: HTTPConnection, name: str) -> str | None:
        """What a browser shows."""
        return request.cookies.get(self.name(name))

    def set(self, response: Response, name: str, value: str, life: timedelta) -> None:
        """Gives a browser something to show."""
        response.set_cookie(
            self.name(name),
            value,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self.https,
            httponly=True,
            samesite="lax",
        )

    def clear(self, response: Response, name: str) -> None:
        """Takes it away again. Without a date: an answer that tells the time is never twice the same."""
        self.set(response, name, "", timedelta(0))

    def refuse_foreign(self, request: HTTPConnection) -> None:
        """Refuses a request that may have been caused by another site's page.

        Raises:
            Forbidden: It doesn't name our origin as its own.
        """
        named = request.headers.getlist("origin")
        fetched = request.headers.get("sec-fetch-site", "same-origin")
        if len(named) != 1 or named[0] != self._origin(request) or fetched != "same-origin":
            raise Forbidden(FOREIGN)

    def _origin(self, request: HTTPConnection) -> str:
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            return f"{parts.scheme}://{parts.netloc}".lower()
        return f"http://{request.headers.get('host', '')}"
