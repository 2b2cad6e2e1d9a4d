"""Whatever text a stranger writes into whatever field: an answer in good time, never a 5xx, nothing of it repeated."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from urllib.parse import quote
from uuid import uuid4

import pytest

from app.models.lane import Lane
from tests.fixtures.strangers import Fortress, ask, check
from tests.naughty import ALL, FEW, Document, Place, as_json, big_list
from tests.thorough import THOROUGH
from tests.unit.api_frame import Answer

TAKES_ONE_WORD = {
    "/v1/access-grants", "/v1/access-wishes", "/v1/applications", "/v1/auth/login", "/v1/auth/password",
    "/v1/auth/recovery-codes", "/v1/auth/second-factor", "/v1/auth/second-factor/confirm",
    "/v1/auth/second-factor/remove", "/v1/clients/{slug}/erasure", "/v1/contacts/{contact_id}/consents",
    "/v1/identity-provider", "/v1/staff", "/v1/staff/{staff_id}/role", "/web/v1/sessions",
}  # fmt: skip
"""No made-up text is taken: they ask for an old password, a code, an address, or for something that isn't here."""
DEAR = {
    "/v1/clients": FEW[::3], "/v1/auth/login": FEW, "/v1/answers": FEW, "/v1/search": FEW,
}  # fmt: skip
"""What hashes a password or asks a model: fewer texts there."""
LEAVING = "/v1/auth/logout"
"""Comes last: nobody is known afterwards."""
PUBLISHING, DRAFT = "/v1/assistant/publish", "/v1/assistant/draft"
"""What is published is gone, so there is a new one for each text."""
SLOW_SECONDS = 5.0
TEXTS_A_TURN = 1 if THOROUGH else 20
MEGABYTE = "x" * 1_000_000


@pytest.fixture
async def taken_over(fortress: Fortress) -> AsyncIterator[None]:
    """So that staff may write."""
    path = fortress.path("/v1/conversations/{conversation_id}/")
    await ask(fortress, "POST", f"{path}takeover", headers=fortress.cafe.staff)
    yield
    await asyncio.sleep(
        1.1
    )  # Among the texts is one that ends every session, and every token of its second.
    fortress.renew()
    back = await ask(fortress, "POST", f"{path}handback", headers=fortress.cafe.staff)
    assert back.status == 204, back.body


@pytest.mark.timeout(7200 if THOROUGH else 300)
@pytest.mark.usefixtures("taken_over")
async def test_no_text_in_any_field_breaks_an_operation(fortress: Fortress) -> None:
    """Checks 44 and 51: every text field of the OpenAPI document, with NUL, surrogates, a megabyte, and what has
    broken others: the whole Big List of Naughty Strings among it."""
    document = fortress.document()
    places = sorted(document.places(), key=lambda p: (p.path == LEAVING, not p.textual))
    tried, accepted, known = Counter[str](), Counter[str](), Counter[str]()
    slow: list[tuple[Place, str]] = []
    for turn, place in enumerate(places):
        for text in texts_for(place, turn):
            if place.path == PUBLISHING:
                draft = {"name": "Cafe", "settings": {}}
                await ask(
                    fortress, "PUT", DRAFT, headers=fortress.headers(DRAFT), body=as_json(draft)
                )
            began = time.perf_counter()
            answer = await send(fortress, document, place, text)
            if time.perf_counter() - began > SLOW_SECONDS:
                slow.append((place, text))
            check(answer, f"{place}: {text[:60]!r}")
            tried[text] += 1
            accepted[place.path] += answer.status < 300
            known[str(place)] += answer.status not in (401, 429)
        fortress.renew()  # All texts in all fields take longer than a token lives.

    assert min(tried[text] for text in big_list()) >= 5
    assert {str(place) for place in places if not known[str(place)]} == set()
    wanted = {place.path for place in places if place.where == "body" and place.textual}
    assert not [path for path in wanted - TAKES_ONE_WORD if not accepted[path]], accepted
    assert [one for one in slow if await _is_slow(fortress, document, *one)] == []


async def _is_slow(fortress: Fortress, document: Document, place: Place, text: str) -> bool:
    """Whether it takes long each time, as what the database sleeps over would: once is the machine's doing."""
    for _ in range(5):
        began = time.perf_counter()
        await send(fortress, document, place, text)
        if time.perf_counter() - began < SLOW_SECONDS:
            return False
    return True


def texts_for(place: Place, turn: int) -> Sequence[str]:
    """The worst for each field, of the others a third in turn, of the Big List a part; all in `make thorough`."""
    long = [MEGABYTE] if place.where == "body" else []
    if THOROUGH:
        return [*ALL, *long, *big_list()]
    if place.path in DEAR or not place.textual:
        return DEAR.get(place.path, FEW)
    share = (
        12 if place.where == "header" else 3
    )  # All heads of a name are read by the same few lines.
    return [*FEW, *long, *ALL[turn % share :: share], *big_list()[turn % 16 :: 16]]


async def send(fortress: Fortress, document: Document, place: Place, text: str) -> Answer:
    """One request with a text in one place."""
    headers, path, body = dict(fortress.headers(place.path)), fortress.path(place.path), b""
    written = quote(text[:2000].encode("utf-8", "surrogatepass"), safe="")
    match place.where:
        case "path":
            parts = place.path.split("/")
            parts[parts.index(f"{{{place.name}}}")] = written
            path = (
                fortress.path("/".join(part.replace("%", "%") for part in parts))
                if "{" in "/".join(parts)
                else "/".join(parts)
            )
        case "query":
            path += f"?{place.name}={written}" + ("" if place.name == "wait" else "&wait=false")
        case "header":
            path += "?wait=false" if "events" in path else ""
            with suppress(UnicodeEncodeError):
                headers[place.name] = text[:2000].encode("utf-8", "surrogatepass").decode("latin-1")
    if place.fill is not None:
        body = as_json(place.fill(text))
    elif place.where != "body" and place.method in ("POST", "PUT"):
        body = b"{}"
    return await ask(fortress, place.method, path, headers=headers, body=body)


async def test_what_visitors_wrote_harms_no_worker(fortress: Fortress) -> None:
    """Check 44: all of it, said in the chat, some a turn: nothing is parked, and the next question is answered."""
    path = fortress.path("/web/v1/conversations/{conversation_id}/messages")
    texts = [*ALL, *big_list()]
    turns = [texts[n : n + TEXTS_A_TURN] for n in range(0, len(texts), TEXTS_A_TURN)]
    for turn in (*turns, ["START"], ["How much is a flat white?"]):  # Among them was STOP.
        for text in turn:
            body = as_json({"client_message_id": str(uuid4()), "text": text})
            check(await ask(fortress, "POST", path, headers=fortress.visitor, body=body), text[:60])
        await fortress.product.drain()
    async with fortress.product.services.db.directory() as tx:
        assert sum(count for count, _ in (await Lane.backlog(tx)).values()) == 0
    parked = await ask(fortress, "GET", "/v1/jobs/parked", headers=fortress.cafe.staff)
    assert (parked.status, parked.body) == (200, b"[]")
    page = (await ask(fortress, "GET", path, headers=fortress.visitor)).json()["data"]
    assert page[-1]["author"] != "contact"


@pytest.mark.parametrize("name", FEW)
async def test_a_file_may_be_called_anything(fortress: Fortress, name: str) -> None:
    """Check 44."""
    safe = (
        name.encode("utf-8", "surrogatepass")
        .replace(b"\r", b"%0D")
        .replace(b"\n", b"%0A")
        .replace(b'"', b"%22")
    )
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="'
        + safe[:3000]
        + b'"\r\ncontent-type: text/plain\r\n\r\nhello\r\n--b--\r\n'
    )
    headers = fortress.cafe.staff | {"content-type": "multipart/form-data; boundary=b"}
    check(await ask(fortress, "POST", "/v1/documents", headers=headers, body=body), name)


async def test_a_problem_repeats_nothing_of_what_was_sent(fortress: Fortress) -> None:
    """Personal data and secrets in every place of a request that is refused: none comes back."""
    canary = "canary7391"
    document = fortress.document()
    for place in document.places():
        if place.name.endswith("*key*"):
            continue  # A made-up field is named, if its name is one, so that a typo can be found.
        answer = await send(fortress, document, place, canary)
        if answer.status >= 400:
            assert canary.encode() not in answer.body, place
            assert not [v for v in answer.headers.values() if canary in v]
