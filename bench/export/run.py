"""A copy to take along: of a client with 100,000 messages, and of one of its contacts, as a worker makes it.

The copy goes the whole way: asked for, a job, built in sealed parts, read again. What it adds to the worker's memory is
measured beside: it is written as a stream, so it must not grow with what is copied.
"""

import argparse
import asyncio
import io
import json
import resource
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import asyncpg
from bench import product
from bench.lib import environment, publish, servers, workplace

from app.bootstrap import Services, bootstrap, owner_url, signer
from app.core.multi_tenant import cipher_of
from app.migration import migrate
from app.models.channel_config import ChannelConfig
from app.models.client import ClientSettings
from app.models.contact import Contact
from app.models.conversation import Conversation
from app.models.message import Author, seal_said
from app.services.orchestrator import clients, exporting
from app.services.orchestrator.exporting import Exporter
from app.utils.ids import uuid7

EACH = 100
"""Messages of one contact."""
GOALS = {
    "a client's copy, s": "<= 60",
    "a contact's copy, s": "<= 60",
    "memory that a client's copy adds, MB": "<= 100",
}
COLUMNS = ("client_id", "id", "conversation_id", "seq", "author", "kind", "said")
SAID = (
    "Do you deliver to the airport on a Friday evening, and what does it cost?",
    "نعم، التوصيل إلى المطار متاح حتى العاشرة مساءً، وتكلفته 25 ريالًا.",
)


async def fill(env: dict[str, str], count: int) -> tuple[UUID, UUID]:
    """Makes a client with that many messages; gives it, and one of its contacts."""
    chosen = product.settings(env)
    await migrate(
        owner_url(chosen), signer(chosen), chosen.app_database_password.get_secret_value()
    )
    services = bootstrap(chosen)
    try:
        client = await clients.create(
            services.db, services.channels, name="Café", slug="cafe", settings=ClientSettings(language="ar"),
            owner=("owner@cafe.example", "Owner", "no hash"), actor="bench",
        )  # fmt: skip
        plain = product.plain(owner_url(chosen))
        async with asyncpg.create_pool(plain, min_size=1, max_size=1) as owner:
            made = [await _contact(services, owner, client.id, n) for n in range(count // EACH)]
        return client.id, made[0]
    finally:
        await services.close()


async def _contact(
    services: Services, owner: "asyncpg.Pool[asyncpg.Record]", client_id: UUID, n: int
) -> UUID:
    """One contact, and all that was said with them, sealed as ever and written in one go."""
    async with services.db.tenant(client_id) as tx:
        (account,) = await ChannelConfig.of_kind(tx, "web")
        contact = await Contact.resolve(tx, account.id, [("visitor", f"visitor-{n}")], f"Layla {n}")
        conversation = await Conversation.current(tx, account.id, contact)
        cipher = cipher_of(tx)
    said = []
    for turn in range(EACH):
        message, author = uuid7(), (Author.CONTACT, Author.ASSISTANT)[turn % 2]
        sealed = seal_said(cipher, message, f"{SAID[turn % 2]} {n}-{turn}", {}, [], None)
        said.append((client_id, message, conversation, turn + 1, str(author), "text", sealed))
    await owner.copy_records_to_table("messages", records=said, columns=COLUMNS)
    return contact


async def copied(services: Services, client_id: UUID, contact_id: UUID | None) -> tuple[float, int]:
    """Seconds until a copy can be read whole, and the messages in it."""
    began = time.perf_counter()
    async with services.db.tenant(client_id) as tx:
        export = await exporting.request(tx, contact_id, actor="bench")
    await services.worker.drain()
    whole = b"".join([part async for part in Exporter(services.db).read(client_id, export)])
    took = time.perf_counter() - began
    rows = json.loads(zipfile.ZipFile(io.BytesIO(whole)).read("manifest.json"))["rows"]
    return took, int(rows["messages"])


async def measure(
    env: dict[str, str], client_id: UUID, contact_id: UUID, count: int
) -> dict[str, float]:
    """One contact's copy, then the client's."""
    services = bootstrap(product.settings(env))
    try:
        contacts, found = await copied(services, client_id, contact_id)
        assert found == EACH, found  # noqa: S101 - What is incomplete isn't measured.
        before, cpu = _peak_mb(), time.process_time()
        whole, found = await copied(services, client_id, None)
        assert found == count, found  # noqa: S101
        return {
            "messages": float(count),
            "a client's copy, s": whole,
            "a contact's copy, s": contacts,
            "the worker's CPU of it, s": time.process_time() - cpu,
            "memory that a client's copy adds, MB": _peak_mb() - before,
        }
    finally:
        await services.close()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _filled(env: dict[str, str], count: int) -> tuple[UUID, UUID]:
    """In a process of its own, whose memory isn't measured."""
    return asyncio.run(fill(env, count))


def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    with workplace() as place, servers(Path(place)) as (postgres, cache):
        ours = postgres.createdb("ours")
        env = environment(ours, cache.url, Path(place), product.free_port())
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            client_id, contact_id = pool.submit(_filled, env, count).result()
        figures = asyncio.run(measure(env, client_id, contact_id, count))
    publish(Path(__file__).parent, {"race": "Export", "goals": GOALS, "figures": figures})


if __name__ == "__main__":
    main()
