"""Who may come how often, from outside: forged addresses change nothing, and one caller can't spend another's quota."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.addresses import Proxies, group_of
from app.api.cookies import Cookies
from app.api.guesses import Guesses
from app.api.limits import Gate, Meter, WebhookGate
from app.api.shown import Shown
from app.core.config import Settings
from app.core.errors import Misconfigured, RateLimited, Unavailable
from app.core.limits import Limit, LocalLimits, Policy
from app.core.multi_tenant import Database
from app.core.security import Principal, Role, Tokens
from tests.unit.api_frame import CLIENT, LISTED, SECRET, Answer, app_for, call, stage

PEER = "203.0.113.7"
GATEWAY = "10.0.0.2"
KNOWN = ("baker-200", "baker-403")
"""The doors that were found before."""

OTHER_CLIENT = UUID("01890000-0000-7000-8000-000000000002")


class Still:
    """A clock that doesn't move."""

    def __call__(self) -> int:
        return 1_760_000_000_000_000


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the status that the path's end asks for."""
    end = scope["path"].rpartition("-")[2]
    status = int(end) if end.isdigit() else 200
    await PlainTextResponse(scope["client"][0], status)(scope, receive, send)


def gate(policy: str = "", proxies: str = "", app: ASGIApp = endpoint) -> Gate:
    limits, parsed = LocalLimits(Still()), Policy.parse(policy)
    services = stage()
    return Gate(
        Meter(app, limits=limits, policy=parsed),
        limits=limits,
        policy=parsed,
        proxies=Proxies(proxies),
        identify=Shown(
            cast(Database, services.db),
            services.credentials,
            services.sessions,
            Cookies(None),
            Guesses(parsed.refused),
        ),
        webhooks=WebhookGate(parsed, LocalLimits(Still()), lambda _, slug: slug in KNOWN),
    )


def signed_in(subject: str, role: Role = Role.AGENT, client: UUID = CLIENT) -> dict[str, str]:
    token = Tokens(SECRET, "wafaa").issue(Principal(subject, client, role))
    return {"authorization": f"Bearer {token}"}


async def statuses(app: ASGIApp, times: int, path: str = "/v1/x", **more: Any) -> list[int]:
    return [(await call(app, "GET", path, **more)).status for _ in range(times)]


async def posted(app: ASGIApp, times: int, path: str, **more: Any) -> list[int]:
    return [(await call(app, "POST", path, **more)).status for _ in range(times)]


async def refused(app: ASGIApp, times: int, headers: Any, peer: str = PEER) -> int:
    answers = [await call(app, "GET", "/v1/x", headers=headers(n), peer=peer) for n in range(times)]
    return sum(answer.status == 429 for answer in answers)


def _forged(n: int) -> list[tuple[str, str]]:
    address = f"198.{n % 256}.{n // 256}.1"
    return [
        ("x-forwarded-for", f"{address}, 10.0.0.2, ::ffff:{address}"),
        ("x-forwarded-for", f"2001:db8::{n:x}"),
        ("forwarded", f"for={address}"),
        ("x-real-ip", address),
        ("true-client-ip", address),
        ("cf-connecting-ip", address),
        ("x-client-ip", address),
        ("authorization", f"Bearer {n}.{n}.{n}"),
    ]


def _through_the_gateway(n: int) -> dict[str, str]:
    return {"x-forwarded-for": f"198.51.{n % 256}.{n // 256}, {PEER}"}


async def test_ten_thousand_forged_addresses_are_refused_as_often_as_one_honest_one() -> None:
    """Security check RATE: the count of 429 with rotating forged headers is the same, give or take one."""
    honest = await refused(gate(), 10_000, lambda _: [])
    forged = await refused(gate(), 10_000, _forged)
    behind = gate(proxies="10.0.0.0/8")
    spoofed = await refused(behind, 10_000, _through_the_gateway, peer=GATEWAY)
    assert honest == 10_000 - 1_200
    assert abs(forged - honest) <= 1
    assert abs(spoofed - honest) <= 1


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "caller"),
    [
        ("", PEER, [], PEER),
        ("", PEER, ["198.51.100.1"], PEER),
        ("", "127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("10.0.0.0/8", PEER, ["198.51.100.1"], PEER),
        ("10.0.0.0/8", GATEWAY, [], GATEWAY),
        ("10.0.0.0/8", GATEWAY, ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["1.1.1.1, 198.51.100.1, 10.3.3.3"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["10.9.9.9, 10.3.3.3"], "10.9.9.9"),
        ("10.0.0.0/8", GATEWAY, ["1.1.1.1, garbage"], GATEWAY),
        ("10.0.0.0/8", GATEWAY, ["1.1.1.1, garbage, 10.3.3.3"], "10.3.3.3"),
        ("10.0.0.0/8", GATEWAY, ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.0/8", GATEWAY, ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", "::ffff:10.0.0.2", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", GATEWAY, ["198.51.100.1,"], GATEWAY),
        ("10.0.0.0/8", GATEWAY, ["", ""], GATEWAY),
        ("10.0.0.0/8", GATEWAY, [", " * 3000 + "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.2", "10.0.0.3", ["198.51.100.1"], "10.0.0.3"),
        ("::1, 127.0.0.1", "::1", ["198.51.100.1"], "198.51.100.1"),
        ("", "", ["198.51.100.1"], "unknown"),
        ("unix", "", ["198.51.100.1"], "198.51.100.1"),
        ("unix", "", [], "unknown"),
    ],
)
def test_the_caller_is_the_first_that_is_not_ours_from_the_right(
    trusted: str, peer: str, forwarded: list[str], caller: str
) -> None:
    scope: Scope = {
        "type": "http",
        "client": (peer, 4711) if peer else None,
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }
    assert Proxies(trusted).caller(scope) == caller


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "*", "gateway", "10.0.0.0/8 127.0.0.1"])
def test_proxies_that_cant_be_read_are_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="WAFAA_TRUSTED_PROXIES"):
        Proxies(wrong)


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    assert (
        group_of("2001:db8:1:2:3::4") == group_of("2001:db8:1:2:ffff::1") != group_of("2001:db8::")
    )
    assert group_of(PEER) == PEER
    assert group_of("unknown") == "unknown"


async def test_who_proves_who_they_are_is_not_limited_by_address() -> None:
    app = gate("address=1/60, credential=3/60, client=100/60")
    assert await statuses(app, 2) == [200, 429]
    assert await statuses(app, 4, headers=signed_in("a")) == [200, 200, 200, 429]
    assert await statuses(app, 4, headers=signed_in("b")) == [200, 200, 200, 429]
    forged = {"authorization": signed_in("c")["authorization"][:-4] + "AAAA"}
    assert await statuses(app, 1, headers=forged) == [429]
    assert await statuses(app, 1, headers=forged, peer="203.0.113.8") == [200]


async def test_one_clients_staff_cant_spend_anothers_quota() -> None:
    app = gate("client=5/60")
    for n in range(8):
        (status,) = await statuses(app, 1, headers=signed_in(f"staff-{n}"))
        assert status == (200 if n < 5 else 429)
    assert await statuses(app, 2, headers=signed_in("x", client=OTHER_CLIENT)) == [200, 200]


async def test_visitors_cant_spend_what_their_clients_staff_may_do() -> None:
    app = gate("contact=2/60, visitors=3/60, client=2/60")
    first, second = (signed_in(f"visitor-{n}", Role.VISITOR) for n in (1, 2))
    assert await statuses(app, 3, "/web/v1/x", headers=first) == [200, 200, 429]
    assert await statuses(app, 2, "/web/v1/x", headers=second) == [200, 429]
    assert await statuses(app, 3, headers=signed_in("staff")) == [200, 200, 429]


async def test_a_refusal_says_when_and_why_in_the_callers_language() -> None:
    app = gate("credential=2/60")
    headers = signed_in("a")
    (first, second, third), arabic = (
        [await call(app, "GET", "/v1/x", headers=headers) for _ in range(3)],
        await call(app, "GET", "/v1/x", headers=headers | {"accept-language": "ar"}),
    )
    assert first.headers["ratelimit-policy"] == '"client";q=12000;w=60, "credential";q=2;w=60'
    assert first.headers["ratelimit"] == '"client";r=11999;t=1, "credential";r=1;t=30'
    assert second.headers["ratelimit"] == '"client";r=11998;t=1, "credential";r=0;t=60'
    assert third.headers["ratelimit"] == '"client";r=11998;t=1, "credential";r=0;t=30'
    assert "retry-after" not in second.headers
    assert (third.status, third.headers["retry-after"]) == (429, "30")
    assert third.headers["content-type"] == "application/problem+json"
    problem = third.json()
    assert (problem["code"], problem["status"], problem["retryable"]) == ("rate_limited", 429, True)
    assert arabic.headers["content-language"] == "ar"
    assert arabic.json()["title"] != problem["title"]


async def test_an_unsigned_flood_spends_its_own_addresss_quota_and_no_clients() -> None:
    """Webhook calls that were refused count against their address; the platform goes on unharmed."""
    app = gate("refused=3/60, webhook=5/60")
    forged = "/webhook/whatsapp/bakery-403"
    assert await statuses(app, 5, forged, peer=PEER) == [403, 403, 403, 429, 429]
    genuine = "/webhook/whatsapp/bakery-200"
    assert await statuses(app, 1, genuine, peer=PEER) == [429]
    assert await statuses(app, 6, genuine, peer="31.13.24.1") == [200] * 5 + [429]
    assert await statuses(app, 1, "/webhook/whatsapp/florist-200", peer="31.13.24.1") == [200]


async def test_whoever_misuses_a_platforms_address_closes_no_door_that_is_known() -> None:
    """Anybody with an app at a platform can have it post what we refuse, from where everybody's calls come."""
    app = gate("refused=3/60")
    unheard_of = "/webhook/whatsapp/nobody-404"
    assert await posted(app, 5, unheard_of) == [404, 404, 404, 429, 429]
    assert await posted(app, 2, "/webhook/whatsapp/baker-403") == [403, 403]
    assert await posted(app, 9, "/webhook/whatsapp/baker-200") == [200] * 9
    assert await posted(app, 1, "/webhook/whatsapp/florist-200") == [
        429
    ]  # It would have to be looked for.
    assert await statuses(app, 1, "/webhook/whatsapp/baker-200") == [429]  # A handshake is no call.
    assert await posted(app, 1, "/webhook/whatsapp/florist-200", peer="31.13.24.1") == [200]


async def test_a_failure_on_our_side_is_charged_to_nobody() -> None:
    app = gate("refused=1/60, webhook=1/60")
    assert await statuses(app, 5, "/webhook/whatsapp/bakery-503") == [503] * 5


async def test_platforms_have_room_for_a_thousand_calls_a_second() -> None:
    """From one address for one client, and without a look at the address limit."""
    answers = await statuses(gate("address=1/60"), 5_000, "/webhook/whatsapp/bakery-200")
    assert set(answers) == {200}


async def test_files_and_signs_of_life_are_free() -> None:
    app = gate("address=1/60")
    for path in ("/health/live", "/w.js", "/widget/panel.js", "/console/index.html"):
        assert await statuses(app, 3, path) == [200] * 3
    assert await statuses(app, 2, "/health/ready") == [200, 429]


async def test_everybody_behind_the_gate_sees_the_callers_address() -> None:
    told = await call(
        gate(proxies=GATEWAY),
        "GET",
        "/v1/x",
        peer=GATEWAY,
        headers={"x-forwarded-for": f"1.1.1.1, {PEER}"},
    )
    assert told.body == PEER.encode()


async def test_a_limit_that_is_off_isnt_counted_or_told() -> None:
    app = gate("address=off, client=off, credential=off")
    answer: Answer = await call(app, "GET", "/v1/x", headers=signed_in("a"))
    assert answer.status == 200
    assert "ratelimit" not in answer.headers
    assert set(await statuses(app, 3000)) == {200}


async def test_the_application_limits_and_its_pages_can_read_it() -> None:
    """The whole frame: a contact's refusal carries CORS headers, so that the widget can say when to go on."""
    services = stage()
    object.__setattr__(services, "settings", limited(services.settings.model_dump(by_alias=True)))
    app = app_for(services)
    visitor = services.token(Role.VISITOR) | {"origin": LISTED}
    first = await call(app, "GET", "/web/v1/try", headers=visitor)
    second = await call(app, "GET", "/web/v1/try", headers=visitor)
    assert (first.status, second.status) == (200, 429)
    for answer in (first, second):
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert "ratelimit" in answer.headers["access-control-expose-headers"]
        assert answer.headers["ratelimit-policy"].endswith('"contact";q=1;w=60')
    assert second.headers["x-request-id"] == second.json()["request_id"]


def limited(values: Mapping[str, Any]) -> Settings:
    return Settings.model_validate({**values, "WAFAA_LIMITS": "contact=1/60"})


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", {}),
        ("contact=5/10", {"contact": Limit("contact", 5, 10)}),
        (" contact = 5/10 , address=off,", {"contact": Limit("contact", 5, 10), "address": None}),
    ],
)
def test_a_policy_is_the_default_with_changes(text: str, changed: dict[str, Limit | None]) -> None:
    assert Policy.parse(text) == Policy(**changed)


@pytest.mark.parametrize(
    "wrong",
    [
        "contact", "contact=", "contact=5", "contact=0/10", "contact=5/0", "contact=-5/10", "contact=٥/10",
        "people=5/10", "contact=5/1e3",
    ],
)  # fmt: skip
def test_a_policy_that_cant_be_read_names_what_is_wrong(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="WAFAA_LIMITS"):
        Policy.parse(wrong)


async def test_a_decision_costs_microseconds() -> None:
    app = gate()
    await statuses(app, 10, headers=signed_in("a"))
    began = time.process_time()
    await statuses(app, 500)
    assert (time.process_time() - began) / 500 < 0.002


class Books:
    """Where credentials are looked up, and how often somebody did."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.looked_up = 0
        self.slow: asyncio.Event | None = None
        self.trouble: Exception | None = None

    async def find(self, shown: str) -> str | None:
        self.looked_up += 1
        if self.slow:
            await self.slow.wait()
        if self.trouble:
            raise self.trouble
        return shown if shown in self.good else None


async def test_who_guesses_costs_no_more_look_ups_than_the_limit() -> None:
    books, guesses = Books("old", "new"), Guesses(Limit("refused", 5, 60))
    assert await guesses.look_up(PEER, "old", books.find) == "old"
    for n in range(5):
        assert await guesses.look_up(PEER, f"guess {n}", books.find) is None
    for n in range(100):
        with pytest.raises(RateLimited):
            await guesses.look_up(PEER, f"another guess {n}", books.find)
    assert books.looked_up == 6
    assert await guesses.look_up(PEER, "old", books.find) == "old"
    assert await guesses.look_up("198.51.100.7", "new", books.find) == "new"


async def test_who_guesses_a_thousand_at_once_is_looked_up_no_more_often() -> None:
    books, guesses = Books("key"), Guesses(Limit("refused", 5, 60))
    books.slow = asyncio.Event()
    asked = [
        asyncio.create_task(guesses.look_up(PEER, f"guess {n}", books.find)) for n in range(1000)
    ]
    await asyncio.sleep(0)
    books.slow.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert (told.count(None), books.looked_up) == (5, 5)
    assert sum(isinstance(one, RateLimited) for one in told) == 995


async def test_what_is_good_or_fails_for_another_reason_costs_nothing() -> None:
    books, guesses = Books(*map(str, range(50))), Guesses(Limit("refused", 1, 60))
    for n in range(50):
        assert await guesses.look_up(PEER, str(n), books.find) == str(n)
    books.trouble = Unavailable()
    for _ in range(50):
        with pytest.raises(Unavailable):
            await guesses.look_up(PEER, "unheard of", books.find)
    books.trouble = None
    assert await guesses.look_up(PEER, "a guess", books.find) is None
    with pytest.raises(RateLimited):
        await guesses.look_up(PEER, "another", books.find)


async def test_what_was_good_and_is_no_longer_counts_as_a_guess() -> None:
    books, guesses = Books("key"), Guesses(Limit("refused", 1, 60))
    assert await guesses.look_up(PEER, "key", books.find) == "key"
    books.good.clear()
    assert await guesses.look_up(PEER, "key", books.find) is None
    with pytest.raises(RateLimited):
        await guesses.look_up(PEER, "key", books.find)
