"""Whatever a stranger writes into a form, an address or a cookie of our pages and of OAuth: read off the routes."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest

from app.core.security import Principal, Role, hash_password
from app.models.staff import Staff
from app.models.staff_ticket import Kind
from app.services.identity import tickets
from app.services.identity.second_factor import readable
from tests.fixtures.product import PASSWORD, Business
from tests.fixtures.strangers import INSIDE, Fortress, ask
from tests.forms import SAMPLES, Door, doors
from tests.naughty import ALL, big_list
from tests.stories.test_second_step import code_of
from tests.thorough import THOROUGH
from tests.unit.api_frame import Answer

_HASH = hash_password(PASSWORD)
HERE = "http://wafaa.test"
CALLBACK = SAMPLES["redirect_uri"]
OURS = ("/", f"{CALLBACK}?")
"""Where a page may lead: to our own, and to where the application's answers go."""
WORST = ["\0a", "a\ud83d", "x" * 100_000, "\"'><svg onload=alert(1)>"]
REST = [*ALL, *big_list()]
HASHES = ("password", "new_password")
"""They cost a tenth of a second of CPU each, and no page shows them again."""
EVERYWHERE = (("header", "user-agent"), ("header", "accept-language"), ("cookie", "wafaa_session"))
STRANGE = frozenset({"svg", "iframe", "object", "embed", "style", "base", "math"})


@dataclass
class Visitor:
    """Who fills in what: a browser that is signed in, one that is halfway, and an application."""

    fortress: Fortress
    mate: UUID
    session: str
    halfway: str
    tries: Sequence[str]
    application: dict[str, str]

    async def fill(self, door: Door, hostile: str) -> dict[str, str]:
        """What is right for a door, so that the text in the hostile place is looked at in earnest."""
        grants = {"refresh_token": "refresh_token", "scope": "client_credentials"}
        known = SAMPLES | self.application | {
            "password": PASSWORD, "new_password": PASSWORD, "email": f"{uuid4().hex}@cafe.example",
            "grant_type": grants.get(hostile, "authorization_code"),
        }  # fmt: skip
        if door.path == "/signin" and hostile not in ("email", "password"):
            known["email"] = self.fortress.cafe.email
        if door.path == "/reset":
            known["email"] = "nobody"  # An address would be answered late, on purpose.
        if door.path in ("/invitation", "/reset/new"):
            known["token"] = await self._ticket(door.path)
        return known

    async def _ticket(self, path: str) -> str:
        kind = Kind.INVITATION if path == "/invitation" else Kind.RESET
        async with self.fortress.product.services.db.tenant(self.fortress.cafe.ref.id) as tx:
            link = await tickets.issue(tx, self.mate, kind, HERE)
        return parse_qs(urlsplit(link).query)["token"][0]

    async def begin_again(self, door: Door) -> None:
        """Forgets what was tried, so that the next try is one again."""
        services = self.fortress.product.services
        for name in self.tries:
            await services.sign_in.attempts.forgive(name)
        if door.path == "/account/password":
            await set_password(self.fortress, self.fortress.cafe)

    def cookie(self, door: Door) -> str:
        """The session that a door wants."""
        if door.path == "/signin/code":
            return self.halfway
        inside = door.path.startswith(("/account", "/oauth/authorize", "/signout"))
        return self.session if inside else ""


@pytest.fixture(scope="module")
async def visitor(fortress: Fortress) -> AsyncIterator[Visitor]:
    body = (
        b'{"name":"Ledger","rights":["knowledge:read"],"redirect_uris":["%s"]}' % CALLBACK.encode()
    )
    made = await ask(fortress, "POST", "/v1/applications", headers=fortress.cafe.staff, body=body)
    assert made.status == 201, made.body
    application = {"client_id": made.json()["id"], "client_secret": made.json()["secret"]}
    async with fortress.product.services.db.tenant(fortress.cafe.ref.id) as tx:
        mate = await Staff.add(tx, "omar@cafe.example", "Omar", "agent", hash_password(PASSWORD))
    spare_id = await add_second_step(fortress, fortress.spare)
    tries = (
        fortress.cafe.email,
        fortress.spare.email,
        f"code {await owner_of(fortress, fortress.cafe)}",
        f"code {spare_id}",
    )
    await _forgive(fortress, tries)  # Others may have guessed before, at the same addresses.
    session = await sign_in(fortress, fortress.cafe)
    halfway = await sign_in(fortress, fortress.spare)
    yield Visitor(fortress, mate, session, halfway, tries, application)
    await _forgive(fortress, tries)  # Whoever signs in next has all of their own.


async def _forgive(fortress: Fortress, names: Sequence[str]) -> None:
    for name in names:
        await fortress.product.services.sign_in.attempts.forgive(name)


async def owner_of(fortress: Fortress, business: Business) -> UUID:
    """Whose business it is."""
    async with fortress.product.services.db.tenant(business.ref.id) as tx:
        owner = await Staff.of_email(tx, business.email)
    assert owner
    return owner.id


async def set_password(fortress: Fortress, business: Business) -> None:
    """Gives an owner the password of the tests again."""
    owner = await owner_of(fortress, business)
    async with fortress.product.services.db.tenant(business.ref.id) as tx:
        await Staff.set_password(tx, owner, _HASH)


async def add_second_step(fortress: Fortress, business: Business) -> UUID:
    """From now on an owner signs in with a code; gives whose it is."""
    owner = await owner_of(fortress, business)
    person = Principal(str(owner), business.ref.id, Role.OWNER)
    factors = fortress.product.services.sign_in.second_factor
    secret = await factors.propose(person)
    await factors.confirm(person, code_of(readable(secret)))
    return owner


async def sign_in(fortress: Fortress, business: Business) -> str:
    """The cookie of a browser that gave the password."""
    form = {"email": business.email, "password": PASSWORD}
    answer = await send(fortress, "POST", "/signin", form=form)
    assert answer.status == 303, answer.body
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


async def send(
    fortress: Fortress,
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Answer:
    """One request as a browser makes it, from a page of ours."""
    given = [("origin", HERE), *headers]
    body = b""
    if form is not None:
        given.append(("content-type", "application/x-www-form-urlencoded"))
        body = urlencode(form, errors="surrogatepass").encode()
    target = f"{path}?{urlencode(query, errors='surrogatepass')}" if query else path
    return await ask(fortress, method, target, headers=given, body=body)


# --- What is sent, and what may come back ----------------------------------------------------------------------------


def places(door: Door) -> Iterator[tuple[str, str]]:
    """Where a text may stand: what a door takes, and what every browser sends along."""
    yield from door.texts
    yield from EVERYWHERE


def texts_for(place: tuple[str, str], turns: Counter[int]) -> Sequence[str]:
    """The worst for each place, and of the others a share in turn; all in `make thorough`."""
    where, name = place
    share = 400 if where in ("header", "cookie") else 200 if name in HASHES else 48
    turns[share] += 1
    return [*WORST, *(REST if THOROUGH else REST[turns[share] % share :: share])]


async def attempt(visitor: Visitor, door: Door, place: tuple[str, str], text: str) -> Answer:
    """One request with a text in one place, and all others right."""
    where, name = place
    values = await visitor.fill(door, name) | {name: text}
    headers = [("cookie", f"wafaa_session={visitor.cookie(door)}")]
    match where:
        case "header":
            headers.append((name, _shown(text)))
        case "cookie":
            headers = [("cookie", f"{name}={_shown(text)}")]
    path = door.path.format_map(
        {
            n: quote(values[n][:2000].encode("utf-8", "surrogatepass"), safe="")
            for n in door.of("path")
        }
    )
    await visitor.begin_again(door)
    return await send(
        visitor.fortress, door.method, path, headers=headers,
        query={n: values[n][:4500] for n in door.of("query")},
        form={n: values[n] for n in door.of("form")} if door.method == "POST" else None,
    )  # fmt: skip


def _shown(text: str) -> str:
    """As a header carries it: bytes, without what no server lets through."""
    carried = text[:4000].encode("utf-8", "surrogatepass").decode("latin-1")
    return "".join(c for c in carried if c not in "\0\r\n")


class Markup(HTMLParser):
    """Finds what no page of ours has: whoever wrote it, it wasn't us."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in STRANGE or (tag == "script" and not dict(attrs).get("src")):
            self.strange.append(tag)
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction")
            if name.startswith("on") or (leads and not (value or "").startswith(OURS)):
                self.strange.append(f"{tag} {name}={value!r:.100}")


def check(answer: Answer, text: str, what: str) -> None:
    """No failure of ours, nothing of our inside, no markup of theirs, and no way to anybody else's page."""
    assert answer.status < 500, f"{what}: {answer.body!r:.300}"
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        page = Markup()
        page.feed(answer.body.decode())
        assert page.strange == [], what
    given = text.encode("utf-8", "surrogatepass")
    for word in INSIDE:
        assert word in given or word not in answer.body, f"{what}: {answer.body!r:.300}"
    location = answer.headers.get("location", "/")
    assert location.startswith(OURS), f"{what}: {location}"
    assert not location.startswith(("//", "/\\")), f"{what}: {location}"


def in_earnest(answer: Answer) -> bool:
    """Whether somebody looked at what was sent, past whose page and whose session it is."""
    led_away = answer.headers.get("location", "").startswith("/signin?return_to")
    return answer.status not in (401, 403, 405, 429) and not led_away


@pytest.mark.timeout(7200 if THOROUGH else 240)
async def test_no_text_in_any_form_breaks_a_page(visitor: Visitor) -> None:
    """Checks 44, 48 and 51: every route that the API's description doesn't name, in every place that it reads."""
    reached, tried, turns = Counter[str](), Counter[str](), Counter[int]()
    last = (
        "/signin",
        "/signout",
    )  # Who comes in often ends their oldest session, as who leaves does.
    known = sorted(doors(visitor.fortress.app), key=lambda door: door.path in last)
    assert len(known) > 25
    for door in known:
        for place in places(door):
            for text in texts_for(place, turns):
                answer = await attempt(visitor, door, place, text)
                check(answer, text, f"{door.title} {place}: {text[:60]!r}")
                reached[door.title] += in_earnest(answer)
                tried[text] += 1
    assert [door.title for door in known if not reached[door.title]] == []
    assert [text for text in REST if not tried[text]] == []
