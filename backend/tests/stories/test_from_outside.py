"""What programs of others find: schemathesis, which knows the API's description, and sqlmap, which tries its texts."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI

from app.api.app import create_app
from app.api.deps import TenantTxDep
from app.bootstrap import bootstrap
from app.core.security import Principal, Role
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.processes import wait_until
from app.embedded.valkey import EmbeddedValkey
from tests.fixtures.product import PASSWORD, Product, migrate_now, serve, settings_for
from tests.fixtures.servers import FreshDatabases
from tests.forms import SAMPLES, Door, doors
from tests.isolation.operations import Operation, operations

PROGRAMS = Path(__file__).parents[3] / ".tools" / "checks" / "bin"
NO_LIMITS = "client=off,credential=off,visitors=off,contact=off,address=off,webhook=off,refused=off"
UNLIMITED = {"WAFAA_LIMITS": NO_LIMITS, "WAFAA_SHED_SECONDS": "9001,9002,9003,9004,9005"}
"""Nobody works here, so what waits gets old; nothing is shed for that."""
OPEN_HERE = r"^/metrics$"
"""Needs its token from other machines only; the run comes from this one."""
ENDS_THE_RUN = r"^/v1/auth/(logout|password|reset)"
"""Would end the session that a run is made with: they have a run of their own."""
ASKS_OTHERS = r"^/v1/identity-provider"
"""Answers with what another server says, and there is none here: that takes its time."""
CONFIG = """
[parameters]
# A stream that waits for more never ends.
wait = false

[checks.positive_data_acceptance]
# What fits the description may still meet a state that refuses it, or name what isn't there.
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 413, 415, 422, 428, 429]

[checks.negative_data_rejection]
# An If-Match longer than any of ours matches nothing, which is a refusal as well.
expected-statuses = ["4xx"]
"""


@dataclass
class Outside:
    """An installation that runs, and who asks it for what."""

    product: Product
    url: str
    callers: dict[str, str] = field(default_factory=dict)

    async def enter(self, slug: str) -> None:
        """Makes another client, and its people the callers: the last test may have let the others go."""
        cafe = await self.product.business(slug)
        key = {"channel_key": cafe.channel_key}
        opened = await self.product.api.post("/web/v1/sessions", json=key)
        runner = Principal(str(uuid4()), cafe.ref.id, Role.PLATFORM)
        self.callers = {
            "owner": cafe.token,
            "platform": self.product.services.tokens.issue(runner),
            "visitor": (await opened.json())["session_token"],
        }

    async def take_name(self, known: Sequence[Operation]) -> None:
        """Makes the client of the sample: else the first call would, and to sqlmap that looks like a condition."""
        (making,) = (one for one in known if one.title == "POST /v1/clients")
        headers = {"Authorization": f"Bearer {self.callers['platform']}"}
        async with self.product.api.post("/v1/clients", json=making.body, headers=headers) as made:
            assert made.status in (201, 409), await made.text()


@pytest.fixture(scope="module")
async def outside(
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_databases: FreshDatabases,
) -> AsyncIterator[Outside]:
    name = fresh_databases.make(postgres18, migrate_now)
    settings = settings_for(postgres18.url_of(name), embed_home, REDIS_URL=valkey.url, **UNLIMITED)
    services = bootstrap(settings)
    async with serve(services) as url, aiohttp.ClientSession(url) as api:
        product = Product(services, api, url)
        found = Outside(product, url)
        yield found
    postgres18.dropdb(name)


async def run(program: str, *words: str, at: Path) -> tuple[int, str]:
    """What a program says, and how it ends."""
    process = await asyncio.create_subprocess_exec(
        str(PROGRAMS / program), *words, cwd=at, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, told.decode(errors="replace")


STREAMS = r"/events$"
PARTS = {
    "owner": [
        "--exclude-path-regex",
        rf"^/(web|webhook)/|{OPEN_HERE}|{ENDS_THE_RUN}|{STREAMS}|{ASKS_OTHERS}",
    ],
    "platform": ["--include-path-regex", r"^/v1/clients", "--phases", "examples,fuzzing"],
    "visitor": ["--include-path-regex", r"^/(web|webhook)/", "--exclude-path-regex", STREAMS],
    # An unknown header is no mistake: HTTP lets anybody on the way add some.
    "owner streams": [
        "--include-path-regex",
        rf"^/v1/.*{STREAMS}",
        "--exclude-checks",
        "negative_data_rejection",
    ],
    "owner who asks others": ["--include-path-regex", ASKS_OTHERS],
    "owner who leaves": ["--include-path-regex", ENDS_THE_RUN],
}
"""Who calls what: everybody where they have business."""


# One worker: two threads that parse Python at once trip over each other in CPython 3.11 (gh-106905).
@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", PARTS)
async def test_schemathesis_finds_nothing(outside: Outside, caller: str, tmp_path: Path) -> None:
    """Checks 9 and 43: every operation keeps to its description, with all of its checks."""
    await outside.enter(f"cafe-{len(PARTS[caller])}-{uuid4().hex[:8]}")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    code, told = await run(
        "schemathesis", "run", f"{outside.url}/openapi.json",
        "-H", f"Authorization: Bearer {outside.callers[caller.split()[0]]}", *PARTS[caller],
        *(() if "--phases" in PARTS[caller] else ("--phases", "examples,coverage,fuzzing")),
        "--checks", "all", "--max-examples", "8",
        "--seed", "1", "--no-shrink", "--continue-on-failure", "--workers", "1", "--warnings", "off",
        at=tmp_path,
    )  # fmt: skip
    assert code == 0, told[-12_000:]
    assert " failures" not in told.rpartition("SUMMARY")[2].replace("0 failures", "")


# --- sqlmap ----------------------------------------------------------------------------------------------------------

RULE = "=" * 54


def as_log(url: str, requests: Sequence[str]) -> str:
    """Requests as a proxy writes them down, for sqlmap to go through."""
    blocks = (f"{RULE}\n12:00:00  {url}  [127.0.0.1]\n{RULE}\n{one}\n{RULE}\n" for one in requests)
    return "\n".join(blocks)


def written(outside: Outside, one: Operation) -> str | None:
    """A request in which sqlmap finds every text of an operation: its marks stand for texts in the path."""
    head = "POST" if one.method == "POST" else one.method
    path = re.sub(r"{\w*(_id|kind|version)}", str(uuid4()), one.path)
    path = re.sub(r"{\w+}", "cafe*", path)
    query = "&".join(f"{name}=word" for name in one.query)
    body = json.dumps(one.body) if one.body and one.media == "application/json" else ""
    if not (query or body or "*" in path):
        return None
    token = outside.callers[_caller(one)]
    typed = "Content-Type: application/json\n" if body else ""
    target = f"{path}?{query}" if query else path
    host = outside.url.partition("//")[2]
    return f"{head} {target} HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}\n{typed}\n{body}"


def _caller(one: Operation) -> str:
    if one.path.startswith("/web/"):
        return "visitor"
    return "platform" if re.match(r"/v1/clients(?!/me)", one.path) else "owner"


async def injected(url: str, requests: Sequence[str], at: Path) -> tuple[int, set[str]]:
    """How many requests sqlmap tried, and in what it found a hole: one that is there is found each time."""
    (at / "requests.log").write_text(as_log(url, requests))
    tried, found = await _looked_for(at)
    return tried, found and found & (await _looked_for(at))[1]


async def _looked_for(at: Path) -> tuple[int, set[str]]:
    """One run; what looks like a hole is told by the text that it is in."""
    code, told = await run(
        "sqlmap", "-l", "requests.log", "--batch", "--flush-session", "--disable-coloring", "--technique", "BE",
        "--dbms", "PostgreSQL", "--threads", "4", "--timeout", "60", "--ignore-code", "*", "--drop-set-cookie",
        "--output-dir", str(at / "sqlmap"), at=at,
    )  # fmt: skip
    assert code == 0, told[-3000:]
    found = re.findall(
        r"parameter '([^']+)' (?:appears to be '[^\n]*' injectable|is vulnerable)", told
    )
    return told.count("testing URL"), set(found)


@pytest.mark.timeout(600)
async def test_sqlmap_finds_no_hole_in_any_text(outside: Outside, tmp_path: Path) -> None:
    """Every text in path, query and body of every operation."""
    await outside.enter("shop")
    app = create_app(outside.product.services)
    await outside.take_name(operations(app))
    wanted = [
        request
        for one in operations(app)
        if not re.match(ENDS_THE_RUN, one.path) and (request := written(outside, one))
    ]
    tried, found = await injected(outside.url, wanted, tmp_path)
    assert found == set()
    assert tried >= 0.9 * len(wanted) > 20  # It asks the same only once.


@pytest.mark.timeout(600)
async def test_sqlmap_finds_no_hole_in_any_form(outside: Outside, tmp_path: Path) -> None:
    """Every text in path, query and form of our pages and of OAuth, by somebody who is signed in."""
    owner = await outside.product.business("forms")
    known = SAMPLES | {"email": owner.email, "password": PASSWORD}
    form = {"email": owner.email, "password": PASSWORD}
    async with outside.product.api.post(
        "/signin", data=form, headers={"Origin": outside.url}, allow_redirects=False
    ) as entered:
        cookie = entered.cookies["wafaa_session"].value
    found = doors(create_app(outside.product.services))
    wanted = [filled_in(outside, door, known, cookie) for door in found if door.path != "/signout"]
    tried, holes = await injected(outside.url, wanted, tmp_path)
    assert holes == set()
    assert tried >= 0.9 * len(wanted) > 20


ALIKE = ("lang", "return_to")


def filled_in(outside: Outside, door: Door, known: Mapping[str, str], cookie: str) -> str:
    """A request in which sqlmap finds every text of a door; what all pages read alike, one page stands for."""
    path = re.sub(r"{\w+_id}", str(uuid4()), door.path)
    path = re.sub(r"{\w+}", "cafe*", path)
    asked, form = (
        urlencode({n: known[n] for n in door.of(where) if n not in ALIKE or door.path == "/signin"})
        for where in ("query", "form")
    )
    target = f"{path}?{asked}" if asked else path
    typed = "Content-Type: application/x-www-form-urlencoded\n" if form else ""
    return (
        f"{door.method} {target} HTTP/1.1\nHost: {outside.url.partition('//')[2]}\nOrigin: {outside.url}\n"
        f"Cookie: wafaa_session={cookie}\n{typed}\n{form}"
    )


async def test_sqlmap_finds_a_planted_hole(outside: Outside, tmp_path: Path) -> None:
    """What it would say if there were one."""
    await outside.enter("cafe")
    app = create_app(outside.product.services)

    @app.get("/v1/planted")
    async def planted(name: str, tx: TenantTxDep) -> list[str]:
        return [
            row["name"] for row in await tx.all(f"SELECT name FROM clients WHERE slug = '{name}'")
        ]

    async with serving(app) as url:
        host, token = url.partition("//")[2], outside.callers["owner"]
        hole = (
            f"GET /v1/planted?name=cafe HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}\n\n"
        )
        assert (await injected(url, [hole], tmp_path))[1]


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """An application on a free port; its services are open already."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await asyncio.to_thread(wait_until, lambda: server.started, 20.0)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task
