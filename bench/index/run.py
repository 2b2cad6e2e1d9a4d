"""P16 index: documents of 4 kB with an embedder that costs nothing: chunks, postings, vectors, rows.

Limit: one ``INSERT ... SELECT FROM unnest`` of the same chunks and vectors a document. Files are parsed in this
process here; what the confined child process adds is measured apart.
"""

import argparse
import asyncio
import hashlib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid4

import asyncpg
from bench import product
from bench.lib import (
    Racer,
    environment,
    postgres_pids,
    publish,
    race,
    ratio,
    servers,
    tree,
    workplace,
)

from app.core.multi_tenant import Database
from app.core.tools import Tools
from app.models.client import Client
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.services.knowledge import parsing
from app.services.knowledge.base import Block, Purpose, Vector, model_of
from app.services.knowledge.indexer import Indexer
from app.services.knowledge.parsers.text import adapter as text_parser
from app.services.knowledge.stores import postgres as store

GOALS = {
    "of the bare insert, chunks a second": ">= 0.5",
    "unchanged / full, CPU": "<= 0.05",
}


class Stub:
    """Embeds by a look at the text's hash."""

    name: ClassVar[str] = "stub"
    region: str = "local"
    dimensions = 384

    def __init__(self) -> None:
        chance = random.Random(3)  # noqa: S311
        self._vectors = [tuple(chance.gauss(0, 0.05) for _ in range(384)) for _ in range(64)]

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
    ) -> list[Vector]:
        """One vector a text."""
        return [self._vectors[hash(text) % 64] for text in texts]


async def parse_here(content: bytes, *, media_type: str, filename: str) -> list[Block]:
    """Reads a text file in this process."""
    return list(text_parser().parse(content))


class Shelf:
    """A client's documents."""

    def __init__(self, db: Database, client_id: UUID, indexer: Indexer, count: int) -> None:
        self._db, self._client_id, self._indexer, self._count = db, client_id, indexer, count
        self._chance = random.Random(5)  # noqa: S311
        self._ids: dict[str, UUID] = {}

    async def fill(self) -> None:
        """Puts new documents in the place of all."""
        await self._put(range(self._count))

    async def change(self) -> None:
        """Puts new words into every tenth document."""
        await self._put(range(0, self._count, 10))

    async def _put(self, which: Sequence[int]) -> None:
        async with self._db.tenant(self._client_id) as tx:
            source = await KnowledgeSource.named(tx, "uploads")
            for n in which:
                content = self._text().encode()
                upload = Upload(
                    source, f"{n}.txt", "text/plain", content, hashlib.sha256(content).hexdigest()
                )
                document_id = await KnowledgeDocument.put(tx, upload)
                assert document_id
                self._ids[f"{n}.txt"] = document_id

    def _text(self) -> str:
        """Forty paragraphs of about a hundred letters."""
        return "\n\n".join(self._paragraph() for _ in range(40))

    def _paragraph(self) -> str:
        words = (
            f"{self._chance.choice(_SYLLABLES)}{self._chance.choice(_SYLLABLES)}" for _ in range(16)
        )
        return " ".join(words).capitalize() + "."

    async def index(self) -> int:
        """Indexes every document; tells how many chunks there are."""
        for document_id in self._ids.values():
            await self._indexer.index(self._client_id, document_id)
        async with self._db.tenant(self._client_id) as tx:
            return int(
                await tx.value(
                    "SELECT count(*) FROM knowledge_chunks WHERE client_id = $1", self._client_id
                )
            )


_SYLLABLES = [
    "ba",
    "ne",
    "ri",
    "to",
    "lu",
    "sam",
    "ker",
    "pol",
    "din",
    "fa",
    "gul",
    "hor",
    "mi",
    "zet",
    "qua",
    "shi",
]


class Floor:
    """The limit: the same rows, written bare."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", vectors: list[Vector], per_document: int
    ) -> None:
        self._pool, self._vectors, self._per_document = pool, vectors, per_document
        self.documents = 0

    async def run(self) -> int:
        """Writes so many documents' chunks."""
        for _ in range(self.documents):
            written = [
                "[" + ",".join(map(repr, vector)) + "]"
                for vector in self._vectors[: self._per_document]
            ]
            ids, text = [uuid4() for _ in written], "x" * 800
            await self._pool.execute(
                "INSERT INTO floor_rows (id, document_id, ordinal, text, embedding) SELECT w.id, $1, w.n, $2, w.v::vector "
                "FROM unnest($3::uuid[], $4::int[], $5::text[]) AS w(id, n, v)",
                uuid4(), text, ids, list(range(len(ids))), written,
            )  # fmt: skip
        return self.documents * self._per_document


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=60)
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home = Path(place)
        ours, bare = postgres.createdb("ours"), postgres.createdb("bare")
        env = environment(ours, valkey.url, home, 1)
        await product.prepare(env, 2, "http://127.0.0.1:9")
        settings = product.settings(env)
        db = product.database(settings)
        async with db.directory() as tx:
            clients = [(await Client.find(tx, f"client-{n}")).id for n in range(2)]
        stub = Stub()
        vectors = store.adapter(store.Config(database=db, model=model_of(stub)), _no_tools())
        shelf = Shelf(db, clients[0], Indexer(db, stub, vectors, parse_here), given.count)
        confined = Shelf(db, clients[1], Indexer(db, stub, vectors, parsing.parse), 10)
        pool = await asyncpg.create_pool(product.plain(bare), min_size=1, max_size=1)
        await pool.execute(
            "CREATE EXTENSION vector; CREATE TABLE floor_rows (id uuid PRIMARY KEY, document_id uuid, ordinal int, text text, "
            "embedding vector)"
        )

        async def full() -> int:
            await shelf.fill()
            return await shelf.index()

        async def unchanged() -> int:
            return await shelf.index()

        async def tenth() -> int:
            await shelf.change()
            return await shelf.index()

        async def in_child() -> int:
            await confined.fill()
            return await confined.index()

        chunks = await full()
        floor = Floor(
            pool,
            await stub.embed([str(n) for n in range(99)], Purpose.PASSAGE),
            round(chunks / given.count),
        )
        floor.documents = given.count
        everything = {
            "app": lambda: [
                pid for pid in tree(os.getpid()) if pid not in set(postgres_pids(postgres)())
            ],
            "postgres": postgres_pids(postgres),
        }
        whole, same = Racer("full", full, everything), Racer("unchanged", unchanged, everything)
        some, limit = Racer("10 % changed", tenth, everything), Racer(
            "bare insert", floor.run, everything
        )
        child = Racer("full, parsed in a confined child", in_child, everything)
        racers = [whole, same, some, limit, child]
        await race(racers, given.rounds)
        await pool.close()
        await db.close()
    cpu = {r.name: r.median("app_cpu_us") + r.median("postgres_cpu_us") for r in racers}
    publish(
        Path(__file__).parent,
        {
            "race": "P16 index",
            "figures": {
                "of the bare insert, chunks a second": ratio(whole, limit, "per_second"),
                "unchanged / full, CPU": cpu["unchanged"] / cpu["full"],
                "10 % changed / full, CPU": cpu["10 % changed"] / cpu["full"],
                "full / bare insert, CPU": cpu["full"] / cpu["bare insert"],
            },
            "goals": GOALS,
            "CPU us a chunk, app and PostgreSQL": cpu,
            "chunks a document": chunks / given.count,
            "racers": {racer.name: racer.summary() for racer in racers},
        },
    )


def _no_tools() -> Tools:
    return None  # type: ignore[return-value]  # The vector store of our own database needs none.


if __name__ == "__main__":
    asyncio.run(main())
