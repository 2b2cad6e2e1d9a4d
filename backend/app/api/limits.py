"""Who may come how often. Two layers, plain ASGI, as a browser must be able to read some refusals and not others.

``Gate`` stands outside of everything that costs: it finds out who is calling. Who can't prove it is limited by network
address, since that is all there is; who can, never is, for many share one. ``Meter`` stands inside of CORS and limits
those who did, by client and credential, or by contact.

Platforms' webhook calls are neither: they come from few addresses for many clients, and a refusal makes the platform
repeat everything. They are counted when they have been answered: a genuine call (2xx) to its client, which has
room for a thousand a second; any other to the address it came from. But a platform's addresses are everybody's who has
an app there: one whose calls we refuse, by mistake or on purpose, must not close them to others. So an address that has
nothing left is refused where a door would have to be looked for; at those we know, signatures are checked as ever.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.api.addresses import Proxies, group_of
from app.core.errors import RateLimited, WafaaError
from app.core.limits import (
    SECOND,
    Charge,
    Count,
    Decision,
    Limit,
    Limits,
    LocalLimits,
    Policy,
    Standing,
)
from app.core.principal import Principal, Role

Knows = Callable[[str, str], bool]
"""Whether a channel's door of a client's slug was found before."""

Identify = Callable[[Scope], Awaitable[Principal | None]]
"""Who is calling, if the request proves it."""

FREE = ("/health/live", "/w.js")
FREE_UNDER = ("/widget/", "/console/", "/docs/", "/signin/files/")
"""Files and signs of life: cheap, and asked for by many behind one address. The gateway bounds them."""
WEBHOOKS = "/webhook/"
MOST_KNOWN = 4096
"""Clients and addresses whose charges needn't be made anew for each call."""
_CALLER = "principal"
"""Where a request's state says who is calling: for the endpoints' dependencies and for its log line."""


class Gate:
    """Finds out who is calling and from where, and limits those who don't prove it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        policy: Policy,
        proxies: Proxies,
        identify: Identify,
        webhooks: "WebhookGate",
    ) -> None:
        self._app = app
        self._limits = limits
        self._policy = policy
        self._proxies = proxies
        self._identify = identify
        self._webhooks = webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = self._proxies.caller(scope)
        scope["client"] = (address, 0)  # For everybody behind us: nobody else has to know proxies.
        if scope["path"].startswith(WEBHOOKS):
            await self._webhooks.serve(self._app, scope, receive, send)
        elif not _is_free(scope["path"]):
            await self._serve(scope, receive, send, group_of(address))
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        try:
            caller = await self._identify(scope)
        except RateLimited as error:
            wait = int((error.retry_after or 1) * SECOND)
            await refusal(scope, wait)(scope, receive, send)
            return
        except WafaaError as error:
            await errors.for_status(scope, error.status)(scope, receive, send)
            return
        scope.setdefault("state", {})[_CALLER] = caller
        charges = [] if caller else _charges((self._policy.address, address))
        await _admit(self._app, self._limits, address, charges, scope, receive, send)


class Meter:
    """Limits those whom ``Gate`` knows."""

    def __init__(self, app: ASGIApp, *, limits: Limits, policy: Policy) -> None:
        self._app = app
        self._limits = limits
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        caller: Principal | None = scope.get("state", {}).get(_CALLER)
        if caller is None:
            await self._app(scope, receive, send)
            return
        group, charges = str(caller.client_id), self._charges(caller)
        await _admit(self._app, self._limits, group, charges, scope, receive, send)

    def _charges(self, caller: Principal) -> list[Charge]:
        client = str(caller.client_id)
        if caller.role is Role.VISITOR:
            contact = str(caller.contact_id or caller.subject)
            return _charges((self._policy.visitors, client), (self._policy.contact, contact))
        credential = caller.application or caller.subject
        return _charges((self._policy.client, client), (self._policy.credential, credential))


class WebhookGate:
    """Limits webhook calls by how earlier ones were answered; in this process, which costs them no time."""

    def __init__(self, policy: Policy, limits: LocalLimits, knows: Knows) -> None:
        """Nobody has come yet.

        Args:
            policy: The limits.
            limits: Where they are counted.
            knows: Whether the door of a channel and a client's slug is known: a call to it costs a check, no look-up.
        """
        self._knows = knows
        self._genuine = lru_cache(MOST_KNOWN)(partial(_count, limits, policy.webhook))
        self._refused = lru_cache(MOST_KNOWN)(partial(_count, limits, policy.refused))

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one call."""
        account = self.open(scope)
        if account.wait:
            await refusal(scope, account.wait)(scope, receive, send)
            return
        status = _Status()
        try:
            await app(scope, receive, status.watch(send))
        finally:
            account.settle(status.value)

    def open(self, scope: Scope) -> "Account":
        """How a call's client and address stand, before it is served."""
        genuine = self._genuine(_client_slug(scope["path"]))
        refused = self._refused(group_of(scope["client"][0]))
        wait = genuine.wait() if genuine else 0
        if refused and (blocked := refused.wait()) and not self._is_known(scope):
            wait = max(wait, blocked)
        return Account(genuine, refused, wait)

    def _is_known(self, scope: Scope) -> bool:
        match scope["method"], scope["path"].split("/"):
            case "POST", ["", "webhook", channel, slug]:
                return self._knows(channel, slug)
            case _:
                return False


class Account:
    """What one webhook call is charged to, once it is known how it was answered.

    Attributes:
        wait: Microseconds until it may be served.
    """

    def __init__(self, genuine: Count | None, refused: Count | None, wait: int) -> None:
        self._genuine, self._refused, self.wait = genuine, refused, wait

    def settle(self, status: int) -> None:
        """Takes the charge; what failed on our side is charged to nobody."""
        count = self._genuine if status < 400 else self._refused
        if count and status < 500:
            count.take()


class _Status:
    """Notices how a request was answered."""

    def __init__(self) -> None:
        self.value = 500

    def watch(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.value = message["status"]
            await send(message)

        return watched


def _count(limits: LocalLimits, limit: Limit | None, subject: str) -> Count | None:
    return limits.count(subject, Charge(limit, subject)) if limit is not None else None


def _charges(*pairs: tuple[Limit | None, str]) -> list[Charge]:
    return [Charge(limit, subject) for limit, subject in pairs if limit is not None]


def _is_free(path: str) -> bool:
    return path in FREE or path.startswith(FREE_UNDER)


def _client_slug(path: str) -> str:
    """The client of ``/webhook/{channel}/{client_slug}``, as long as a slug may be."""
    return "/".join(path.split("/")[3:4])[:100]


async def _admit(
    app: ASGIApp,
    limits: Limits,
    group: str,
    charges: Sequence[Charge],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Lets a request pass if its charges can be taken, and tells how the caller stands."""
    if not charges:
        await app(scope, receive, send)
        return
    decision = await limits.take(group, charges)
    if decision.admitted:
        await app(scope, receive, _telling(send, decision.standings))
    else:
        await refusal(scope, decision.wait, _fields(decision))(scope, receive, send)


def refusal(scope: Scope, wait: int, fields: Sequence[tuple[str, str]] = ()) -> Response:
    """What is said to whom has to wait so many microseconds."""
    headers = {"retry-after": str(_seconds(wait)), **dict(fields)}
    return errors.problem(scope, 429, "rate_limited", headers=headers)


def _telling(send: Send, standings: Sequence[Standing]) -> Send:
    fields = _fields(Decision(True, tuple(standings)))

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in fields:
                headers[name] = value
        await send(message)

    return telling


def _fields(decision: Decision) -> list[tuple[str, str]]:
    """``RateLimit-Policy`` and ``RateLimit`` as in draft-ietf-httpapi-ratelimit-headers-11.

    What refused says when it will no longer, as ``Retry-After`` does; the others when their quota will be whole.
    """
    limits = [standing.limit for standing in decision.standings]
    policies = (f'"{limit.name}";q={limit.quota};w={limit.window}' for limit in limits)
    standings = (
        f'"{s.limit.name}";r={s.remaining};t={_seconds(0 if decision.admitted else s.wait()) or _seconds(s.full_in)}'
        for s in decision.standings
    )
    return [("ratelimit-policy", ", ".join(policies)), ("ratelimit", ", ".join(standings))]


def _seconds(microseconds: int) -> int:
    return math.ceil(microseconds / SECOND)
