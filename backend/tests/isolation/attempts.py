"""Every way to name another client's thing: in the path, the query, a header, the body, or something inside it.

An attempt is made from an operation of the API's own description, a caller, a place in the request, and what is named
there. Its control is the same request with a name that nobody has. What differs between their answers is a leak.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import gcd
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import FastAPI

from tests.isolation.asgi import Request
from tests.isolation.operations import UNDESCRIBED, Operation, operations
from tests.isolation.world import House

PUBLIC_NAMES = {
    "client_slug": "A webhook's address is public; without a client's signature it opens nothing.",
    "ticket": "A link's ticket is signed: it names one client's copy, and whoever has it may fetch it.",
    "version": "Versions are counted from 1 in every client.",
    "slug": "The hosted chat's address is public. Platform staff name clients by it, and see none of their words.",
    "channel_key": "The web chat's key stands in the client's web page: anyone may write to it, none may read.",
    "email": "Signing in answers alike for known and unknown addresses; tried apart, as attempts are counted.",
    "password": "The same.",
}
"""Parameters whose value is public, so that naming another's is no attack: they are left as they are."""

HEADERS = (
    "X-Client-Id", "X-Client", "X-Tenant", "X-Tenant-Id", "X-Org-Id", "X-Organization-Id", "X-Account-Id",
    "X-Workspace-Id",
    "X-Role", "X-User-Id", "X-Staff-Id", "X-Forwarded-User", "X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url",
    "X-Http-Method-Override", "Cookie", "Forwarded", "X-Impersonate", "Idempotency-Key", "Referer", "From",
)  # fmt: skip
FIELDS = (
    "client_id", "clientId", "tenant_id", "tenant", "client", "org_id", "workspace_id", "account_id", "conversation_id",
    "contact_id", "message_id", "document_id", "staff_id", "agent_id", "owner_id", "id", "ids", "role", "created_at",
    "is_active", "sealed", "$where", "__proto__", "app.current_tenant_id", "source_id", "job_id", "namespace", "filter",
)  # fmt: skip
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda name: name.replace("-", ""),
    lambda name: f"{{{name}}}",
    lambda name: f"urn:uuid:{name}",
    lambda name: f"{name},{name}",
    lambda name: f"{name}%00",
    lambda name: f"{name}/../{name}",
)
COSTLY = {"GET /v1/search": 10, "POST /v1/answers": 10, "GET /health/ready": 5} | dict.fromkeys(
    (title for title in UNDESCRIBED if "{slug}" not in title), 5
)
"""They ask the embedder each time, or are the same long text for everyone: so few scattered attempts of each caller."""
FIRST = (
    "path",
    "header X-Client-Id 1",
    "query client_id 1",
    "body client_id 1 top",
    "body message_id",
)
"""Places that come before all others: where a leak is likeliest."""
EACH_KIND = ("body ids 0 list", "body id 0 top", "query id 0")
"""Then these, with one thing of every kind."""

Named = tuple[str, str]
"""What an attempt names: a thing, and the client it belongs to."""
Write = Callable[["Caller", Named], Request]
"""What writes a caller's request that names a thing in one place; a place is what it is called, and that."""
Place = tuple[str, Write]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that names what isn't the caller's, and how it would look with a name that nobody has."""

    by: "Caller"
    place: str
    named: Named
    write: Write

    @property
    def operation(self) -> Operation:
        """What is called."""
        return self.by.operation

    @property
    def house(self) -> House:
        """The caller's own."""
        return self.by.house

    @property
    def caller(self) -> str:
        """Who calls."""
        return self.by.name

    def request(self, named: Named) -> Request:
        """The request with this name in its place."""
        return self.write(self.by, named)


def attempts(
    app: FastAPI, houses: Sequence[House], only: Callable[[str], bool] = lambda _: True
) -> Iterator[Iterator[Attempt]]:
    """The attempts, one stream for each operation and caller: taking from each in turn tries everything early."""
    aims = {
        (house.id, name): tuple(_aims(house, name, houses))
        for house in houses
        for name in house.callers
    }
    for operation in filter(lambda one: only(one.title), operations(app)):
        places = list(places_of(operation))
        for house in houses:
            for name in house.callers:
                if not operation.rightful(name):
                    caller = Caller(operation, house, name)
                    yield _of_caller(caller, places, aims[house.id, name], houses)


def _aims(house: House, caller: str, houses: Sequence[House]) -> Iterator[Named]:
    """What others have: things in turn of their kinds; for a visitor, also other visitors' of the same client."""
    for other in houses:
        if other is not house:
            for things in other.objects.values():
                yield from ((thing, other.id) for thing in things)
            yield from ((text, other.id) for text in other.texts)
        elif caller == "visitor":
            yield from ((thing, house.id) for thing in house.objects["conversation"][1:])


def _of_caller(
    caller: "Caller", places: Sequence[Place], things: Sequence[Named], houses: Sequence[House]
) -> Iterator[Attempt]:
    def attempt(place: int, named: Named, spelling: int) -> Attempt:
        said, write = places[place]
        spelled = (SPELLINGS[spelling](named[0]), named[1])
        return Attempt(caller, f"{said} {spelling}", spelled, write)

    first = [n for n, (said, _) in enumerate(places) if said.startswith(FIRST)]
    yield from (attempt(n, named, 0) for n in first for named in caller.likeliest(houses))
    each = [n for n, (said, _) in enumerate(places) if said.startswith(EACH_KIND)]
    yield from (attempt(n, named, 0) for n in each for named in caller.one_of_each(houses))
    most = COSTLY.get(caller.operation.title)
    for index in islice(scattered(len(places) * len(things) * len(SPELLINGS)), most):
        rest, spelling = divmod(index, len(SPELLINGS))
        place, thing = divmod(rest, len(things))
        yield attempt(place, things[thing], spelling)


def scattered(size: int) -> Iterator[int]:
    """Every number below ``size`` once, so that any first part of them is spread over the whole."""
    step = max(1, round(size * 0.6180339887))
    while gcd(step, size) > 1:
        step += 1
    return (n * step % size for n in range(size))


@dataclass(frozen=True)
class Caller:
    """Writes one caller's requests to one operation."""

    operation: Operation
    house: House
    name: str

    def one_of_each(self, houses: Sequence[House]) -> Iterator[Named]:
        """One thing of every kind that the next client has."""
        other = houses[(houses.index(self.house) + 1) % len(houses)]
        yield from ((things[0], other.id) for things in other.objects.values() if things)

    def likeliest(self, houses: Sequence[House]) -> Iterator[Named]:
        """One thing of each other client that is of the kind the operation works on."""
        kind = next((n.removesuffix("_id") for n in reversed(self.operation.names)), "client")
        for house in houses:
            if house is not self.house:
                yield house.objects.get(kind, (house.id,))[0], house.id

    def request(
        self,
        path: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        body: Any = None,
    ) -> Request:
        """A request of this caller, right in all that isn't said here."""
        one = self.operation
        own = {name: self.own(name) for name in one.names} | dict(path or {})
        filled = re.sub(r"{(\w+)[^}]*}", lambda found: own[found[1]], one.path)
        asked = {
            **one.required,
            **({"wait": "false"} if "events" in one.path else {}),
            **(query or {}),
        }
        sent = body if body is not None else one.body
        media, raw = encoded(one.media, sent)
        typed = (("Content-Type", media),) if raw else ()
        text = "&".join(f"{quote(n)}={quote(v)}" for n, v in asked.items())
        return Request(
            one.method, filled, text, (*self.house.callers[self.name](), *typed, *headers), raw
        )

    def own(self, name: str) -> str:
        mine = {
            "conversation_id": self.house.conversation, "message_id": self.house.reply, "kind": "web",
            "channel": "whatsapp", "client_slug": self.house.business.ref.slug,
            "slug": self.house.business.ref.slug, "name": "page.css", "version": "1",
        }  # fmt: skip
        things = self.house.objects.get(name.removesuffix("_id"), ())
        return mine.get(name) or (things[0] if things else "unknown")


def places_of(one: Operation) -> Iterator[Place]:
    """Where in a request something can be named."""
    secret = [name for name in one.names if name not in PUBLIC_NAMES]
    for name in secret:
        yield f"path {name}", lambda by, named, name=name: by.request({name: named[0]})
    if len(secret) > 1:
        yield "path", lambda by, named: by.request(dict.fromkeys(secret, named[0]))
    if not one.makes:
        yield from _around(one, secret)
    if one.body is not None or (one.writes and not one.makes):
        yield from _inside(one, secret)


def _around(one: Operation, secret: Sequence[str]) -> Iterator[Place]:
    """Beside what the operation asks for: the client in a header or the query, its thing in the path."""
    for header in HEADERS:
        for which in (0, 1):
            yield f"header {header} {which}", lambda by, named, h=header, w=which: by.request(
                dict.fromkeys(secret, named[0]), headers=((h, _header(h, _plain(named[w]))),)
            )
    for name in (*one.query, *FIELDS):
        for which in (0, 1):
            yield f"query {name} {which}", lambda by, named, n=name, w=which: by.request(
                dict.fromkeys(secret, named[0]), query={n: named[w]}
            )


def _inside(one: Operation, secret: Sequence[str]) -> Iterator[Place]:
    """In the body: fields it has, fields it hasn't, at the top and deeper."""
    given = one.body if isinstance(one.body, dict) else {}
    # An operation that reads no body must not act on the caller's own things: it's aimed at others'.
    aimed = () if one.body is not None else secret
    for name in given:
        if name.endswith("_id") and name not in PUBLIC_NAMES and name != "client_message_id":
            yield f"body {name}", lambda by, named, n=name: by.request(body=given | {n: named[0]})
    for name in FIELDS:
        for which in (0, 1):
            for shape, wrap in SHAPES.items():
                yield f"body {name} {which} {shape}", lambda by, named, n=name, w=which, f=wrap: by.request(
                    dict.fromkeys(aimed, named[0]), body=f(given, n, named[w])
                )


SHAPES: dict[str, Callable[[dict[str, Any], str, str], Any]] = {
    "top": lambda given, name, value: given | {name: value},
    "nested": lambda given, name, value: _deep(given, {name: value}),
    "list": lambda given, name, value: given | {name: [value]},
    "object": lambda given, name, value: given | {name: {"id": value, "client_id": value}},
    "array": lambda given, name, value: [given | {name: value}],
}


def _deep(given: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The same, with an unknown field inside of each object in it; one more object where there is none."""
    deep = {n: v | extra if isinstance(v, dict) else v for n, v in given.items()}
    return deep if deep != given else given | {"data": extra}


def _header(name: str, value: str) -> str:
    return f"client_id={value}; access_token={value}" if name == "Cookie" else value


def _plain(text: str) -> str:
    return text.encode("latin-1", "ignore").decode("latin-1")


def encoded(media: str, body: Any) -> tuple[str, bytes]:
    """A body as it is sent, and what it says to be."""
    if body is None:
        return "", b""
    if media != "multipart/form-data":
        return "application/json", json.dumps(body).encode()
    fields = body if isinstance(body, dict) else {"list": body}
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "multipart/form-data; boundary=edge", ("".join(parts) + "--edge--\r\n").encode()


def unknown_like(named: Named) -> Named:
    """A name of the same form that nobody has."""
    text = re.sub(
        r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
        _other,
        named[0],
    )
    nobody = _scramble(named[0]) if text == named[0] else text
    return nobody, str(UUID(_other_id(named[1])))


def _other(found: re.Match[str]) -> str:
    return _other_id(found[0])


def _other_id(id_: str) -> str:
    return id_[:-6] + "".join("f" if c in "0aA" else "0" for c in id_[-6:])


def _scramble(text: str) -> str:
    return "".join(chr(97 + (ord(c) - 97 + 1) % 26) if c.islower() else c for c in text)
