"""What anybody writes, shows or is called stands in no log, trace or metric: a word of its own in every input."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, Tracer, TracerProvider

from app.api.app import create_app
from app.core.observability import configure_logging
from tests.fixtures.product import PASSWORD, Product
from tests.fixtures.shop import Shop
from tests.forms import SAMPLES, Door, doors
from tests.isolation.asgi import Answer, Request, send
from tests.isolation.attempts import encoded
from tests.isolation.operations import Operation, operations

SHOWN_HEADERS = (
    "Authorization", "Cookie", "User-Agent", "Referer", "Origin", "Idempotency-Key", "Last-Event-Id", "Accept-Language",
    "If-Match", "X-Client-Id", "X-Hub-Signature-256", "Tracestate", "Baggage",
)  # fmt: skip
"""An X-Request-Id is left out: it is there to be logged."""
ENDS_THE_RUN = ("/v1/auth/logout", "/v1/auth/password", "/v1/auth/reset", "/events")


class Span(NonRecordingSpan):
    """What an operator's SDK would be told of one step."""

    def __init__(self, told: list[str], name: str, attributes: Any) -> None:
        super().__init__(INVALID_SPAN_CONTEXT)
        self._told = told
        told.append(f"{name} {dict(attributes or {})}")

    def set_attributes(self, attributes: Any) -> None:
        self._told.append(str(dict(attributes)))

    def set_attribute(self, key: str, value: Any) -> None:
        self._told.append(f"{key}: {value}")

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        self._told.append(f"{name} {attributes}")

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:
        self._told.append(repr(exception))

    def update_name(self, name: str) -> None:
        self._told.append(name)


class Traces(TracerProvider, Tracer):
    """Stands where an operator's SDK would, and keeps all that it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return self

    def start_span(  # type: ignore[override]
        self, name: str, context: Any = None, kind: Any = None, attributes: Any = None, **__: Any
    ) -> Span:
        return Span(self.told, name, attributes)

    @contextmanager
    def start_as_current_span(  # type: ignore[override]
        self, name: str, *_: Any, attributes: Any = None, **__: Any
    ) -> Iterator[Span]:
        yield self.start_span(name, attributes=attributes)


@contextmanager
def listening() -> Iterator[io.StringIO]:
    """Everything that API and workers log, libraries included, at the lowest level."""
    heard = io.StringIO()
    configure_logging(strict=True, level="DEBUG", stream=heard)
    try:
        yield heard
    finally:
        configure_logging(strict=True)


def planted(one: Operation, staff: dict[str, str]) -> Iterator[tuple[str, Request]]:
    """A request for every text of an operation, each with a word of its own that nobody else writes."""
    good = tuple(staff.items())
    for name in one.names:
        word = _word()
        yield word, _request(one, good, {name: word})
    for name in (*one.query, *one.required, "unknown"):
        word = _word()
        yield word, _request(one, good, query=f"{name}={word}")
    for header in SHOWN_HEADERS:
        word = _word()
        kept = () if header == "Authorization" else good
        yield word, _request(one, (*kept, (header, _shown(header, word))))
    for where, body in _bodies(one.body):
        yield where, _request(one, good, body=body)


def _bodies(body: Any) -> Iterator[tuple[str, Any]]:
    """The body with a word in the place of each text, and in a field that isn't there."""
    if not isinstance(body, dict):
        return
    for name, value in body.items():
        if isinstance(value, str):
            word = _word()
            yield word, body | {name: f"{word}@cafe.example" if name == "email" else word}
    word = _word()
    yield word, body | {word: word}


def _word() -> str:
    return f"canary-{uuid4().hex}"


def _shown(header: str, word: str) -> str:
    match header:
        case "Authorization":
            return f"Bearer {word}"
        case "Cookie":
            return f"wafaa_session={word}"
        case "Origin" | "Referer":
            return f"https://{word}.example"
    return word


def _request(
    one: Operation,
    headers: tuple[tuple[str, str], ...],
    named: dict[str, str] | None = None,
    query: str = "",
    body: Any = None,
) -> Request:
    path = one.path
    for name in one.names:
        filled = (named or {}).get(name, "01890000-0000-7000-8000-00000000abcd")
        path = path.replace(f"{{{name}:path}}", filled).replace(f"{{{name}}}", filled)
    media, raw = encoded(one.media, one.body if body is None else body)
    return Request(one.method, path, query, (*headers, ("Content-Type", media)), raw)


async def test_no_word_of_any_request_is_logged_traced_or_counted(product: Product) -> None:
    """Check 15, and that secrets and personal data stand in no log, trace or metric."""
    traces = Traces()
    app = create_app(product.services, traces)
    staff = cycle([(await product.business(f"cafe-{n}")).staff for n in range(3)])
    words: dict[str, str] = {}
    answers: list[Answer] = []
    with listening() as heard:
        for one in operations(app):
            if one.path.endswith(ENDS_THE_RUN):
                continue
            for word, request in planted(one, next(staff)):
                words[word] = one.title
                answers.append(await send(app, request))
        await product.drain()
    told = "\n".join((heard.getvalue(), *traces.told, product.services.metrics.render().decode()))
    assert {words[word] for word in words if word in told} == set()
    assert "request_answered" in told
    assert "'http.route': '/v1/search'" in told
    assert sum(answer.status < 300 for answer in answers) > 100


async def test_no_word_of_any_form_is_logged_traced_or_counted(product: Product) -> None:
    """Check 15: what people write into our pages and applications into OAuth, in every place that a route reads."""
    traces = Traces()
    app = create_app(product.services, traces)
    business = await product.business(f"cafe-{uuid4().hex[:8]}")  # Guesses are counted by address.
    good = {"email": business.email, "password": PASSWORD}
    with listening() as heard:
        entered = await send(app, _form("POST", "/signin", form=good))
        (cookie,) = (value.decode() for name, value in entered.headers if name == b"set-cookie")
        words, answers = {}, []
        for door in doors(app):
            for where, name in door.texts:
                words[word := _word()] = f"{door.title} {where} {name}"
                request = _written(door, name, word, SAMPLES | good, cookie.partition(";")[0])
                answers.append(await send(app, request))
    told = "\n".join((heard.getvalue(), *traces.told, product.services.metrics.render().decode()))
    assert [words[word] for word in words if word in told] == []
    assert not [secret for secret in (PASSWORD, business.email, cookie[14:50]) if secret in told]
    assert "'http.route': '/oauth/token'" in told
    assert sum(answer.status < 400 for answer in answers) > 20


def _written(door: Door, name: str, word: str, known: dict[str, str], cookie: str) -> Request:
    """A request with a word in one place of a door, and what fits in all others."""
    values = known | {name: f"{word}@cafe.example" if name == "email" else word}
    query, form = ({n: values[n] for n in door.of(where)} for where in ("query", "form"))
    return _form(door.method, door.path.format_map(values), query, form, (("Cookie", cookie),))


def _form(
    method: str,
    path: str,
    query: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A request as a browser makes it, from a page of ours."""
    ours = (("Origin", "http://wafaa.test"), ("Content-Type", "application/x-www-form-urlencoded"))
    body = urlencode(form or {}).encode()
    return Request(method, path, urlencode(query or {}), (*headers, *ours), body)


async def test_no_word_of_a_whole_journey_is_logged_or_counted(shop: Shop) -> None:
    """What contacts, agents and owners write, on its way through API and workers."""
    words = {name: _word() for name in ("name", "asked", "taught", "title", "agent", "refused")}
    with listening() as heard:
        title, text = f"{words['title']}.md", f"# Menu\n\nA {words['taught']} costs 18 SAR.\n"
        await shop.product.teach(shop.business, title, text)
        await shop.product.drain()
        await shop.hears(f"How much is a {words['taught']}? {words['asked']}", name=words["name"])
        conversation = (await shop.conversation())["id"]
        await shop.post(f"/v1/conversations/{conversation}/takeover")
        await shop.post(f"/v1/conversations/{conversation}/messages", {"text": words["agent"]})
        await shop.post("/v1/documents", {"text": words["refused"]})
        await shop.product.drain()
    told = heard.getvalue() + shop.product.services.metrics.render().decode()
    assert "message_processed" in told
    secrets = {*words.values(), *shop.business.staff.values(), shop.business.email}
    assert {word for word in secrets if word in told} == set()
