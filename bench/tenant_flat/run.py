"""P11 tenant-flat: the product's own search at 10, 100 and 1,000 clients of 60 chunks each.

A client's search must cost the same however many others there are, and find what an exact search finds. The chunks of
all clients lie on the same sixty topics, so that a search that looked at the neighbours' would find theirs.
"""

import argparse
import asyncio
import hashlib
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from bench import product
from bench.lib import Racer, environment, postgres_pids, publish, race, ratio, servers, workplace

from app.bootstrap import owner_url, signer
from app.core.multi_tenant import Database, cipher_of
from app.migration import migrate
from app.models import knowledge_search
from app.models.knowledge_base import seal_names
from app.models.knowledge_chunk import seal_passage, term_key
from app.models.knowledge_search import Sought

CHUNKS, DIMENSIONS, MODEL = 60, 384, "stub/384"
SAMPLE = 60
GOALS = {
    "CPU, most clients / fewest": "<= 1.15",
    "p50, most clients / fewest": "<= 1.15",
    "recall@5": "1.000",
}

# Everything is made in the database, from sixty topics and a noise of each client's own.
_FILL = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TEMPORARY TABLE topics AS SELECT n, w.topic::vector AS topic FROM unnest($topics$%(topics)s$topics$::text[])
  WITH ORDINALITY AS w(topic, n);
CREATE TEMPORARY TABLE noises AS SELECT n, w.noise::vector AS noise FROM unnest($noises$%(noises)s$noises$::text[])
  WITH ORDINALITY AS w(noise, n);
INSERT INTO clients (id, name, slug)
  SELECT md5('client' || t)::uuid, 'Client ' || t, 'client-' || t FROM generate_series(1, %(clients)s) t;
INSERT INTO knowledge_sources (client_id, id, name_key, name) SELECT id, id, '', '' FROM clients;
INSERT INTO knowledge_documents (client_id, id, source_id, title_key, named, media_type, digest, status)
  SELECT id, id, id, '', '', 'text/plain', '', 'ready' FROM clients;
INSERT INTO knowledge_chunks (client_id, id, document_id, ordinal, language, length, passage, model)
  SELECT c.id, md5(c.id::text || n)::uuid, c.id, n, 'en', 6, decode(repeat('00', 80), 'hex'), '%(model)s'
  FROM clients c, generate_series(1, %(chunks)s) n ORDER BY n, c.id;
INSERT INTO knowledge_postings (client_id, language, term, document_id, ordinals, frequencies)
  SELECT c.id, 'en', decode(md5(term), 'hex'), c.id, array_agg(n), array_agg(1)
  FROM clients c, generate_series(1, %(chunks)s) n, unnest(ARRAY['topic', 't' || n, 'g' || n %% 7]) term
  GROUP BY c.id, term;
INSERT INTO knowledge_vectors (client_id, chunk_id, document_id, language, model, embedding)
  SELECT c.client_id, c.id, c.document_id, 'en', c.model, l2_normalize(t.topic + s.noise)
  FROM knowledge_chunks c JOIN topics t ON t.n = c.ordinal
  JOIN noises s ON s.n = 1 + (abs(hashtext(c.client_id::text)) + c.ordinal * 7) %% 97
  ORDER BY c.ordinal, c.client_id;
ANALYZE;
"""


async def _seal(db: Database, client_id: UUID) -> None:
    """Puts what is sealed in the place of what the database made up, for a client that will be asked."""
    terms = ["topic", *(f"t{n}" for n in range(1, CHUNKS + 1)), *(f"g{n}" for n in range(7))]
    async with db.tenant(client_id) as tx:
        made = [hashlib.md5(term.encode(), usedforsecurity=False).digest() for term in terms]
        await tx.run(
            "UPDATE knowledge_postings p SET term = w.new FROM unnest($2::bytea[], $3::bytea[]) AS w(old, new) "
            "WHERE p.client_id = $1 AND p.term = w.old",
            client_id, made, [term_key(cipher_of(tx), term) for term in terms],
        )  # fmt: skip
        rows = await tx.all("SELECT id, ordinal FROM knowledge_chunks WHERE client_id = $1", client_id)
        passages = [seal_passage(tx, row["id"], "Shop", f"Topic {row['ordinal']} of a client") for row in rows]
        await tx.run(
            "UPDATE knowledge_chunks c SET passage = w.passage FROM unnest($2::uuid[], $3::bytea[]) AS w(id, passage) "
            "WHERE c.client_id = $1 AND c.id = w.id",
            client_id, [row["id"] for row in rows], passages,
        )  # fmt: skip
        await tx.run(
            "UPDATE knowledge_documents SET named = $2 WHERE client_id = $1",
            client_id, seal_names(tx, "Shop", client_id, b""),
        )  # fmt: skip


@dataclass
class Crowd:
    """A database of so many clients, and searches in it."""

    db: Database
    ids: list[UUID]
    questions: list[list[float]]
    seconds: list[float]

    async def run(self) -> int:
        """One search of each sampled client."""
        for place, client_id in enumerate(self.ids):
            sought = self.sought(place, ("topic", f"t{place}", f"g{place % 7}"))
            began = time.perf_counter()
            async with self.db.tenant(client_id) as tx:
                await knowledge_search.search(tx, sought, 6)
            self.seconds.append(time.perf_counter() - began)
        return len(self.ids)

    def sought(self, place: int, terms: tuple[str, ...]) -> Sought:
        """The question of a place in the sample."""
        vector = self.questions[place % len(self.questions)]
        return Sought("en", terms, vector, [0.0] * DIMENSIONS, MODEL)

    async def recall(self, owner: str) -> float:
        """How many of the exact five nearest the product's search finds, by meaning alone."""
        connection = await asyncpg.connect(product.plain(owner))
        shares = []
        try:
            for place, client_id in enumerate(self.ids):
                sought = self.sought(place, ())
                async with self.db.tenant(client_id) as tx:
                    found = {one.id for one in await knowledge_search.search(tx, sought, 5)}
                shares.append(len(found & await _exact(connection, client_id, sought.vector)) / 5)
        finally:
            await connection.close()
        return statistics.fmean(shares)


async def _exact(
    connection: "asyncpg.Connection[asyncpg.Record]", client_id: UUID, vector: object
) -> set[UUID]:
    rows = await connection.fetch(
        "SELECT chunk_id, embedding::real[] AS v FROM knowledge_vectors WHERE client_id = $1",
        client_id,
    )
    matrix = np.array([row["v"] for row in rows], dtype=np.float64)
    best = np.argsort(-(matrix @ np.array(vector)))[:5]
    return {rows[int(n)]["chunk_id"] for n in best}


def _unit(random: np.random.Generator, count: int, length: float) -> np.ndarray:
    vectors = random.normal(size=(count, DIMENSIONS))
    return length * vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _texts(vectors: np.ndarray) -> str:
    return (
        "{"
        + ",".join('"[' + ",".join(f"{x:.5f}" for x in vector) + ']"' for vector in vectors)
        + "}"
    )


async def crowd(env: dict[str, str], url: str, clients: int, sample: int = SAMPLE) -> Crowd:
    """Makes a database of so many clients."""
    random = np.random.default_rng(11)
    topics, noises = _unit(random, CHUNKS, 1.0), _unit(random, 97, 0.8)
    settings = product.settings({**env, "DATABASE_URL": url})
    await migrate(
        owner_url(settings), signer(settings), settings.app_database_password.get_secret_value()
    )
    values = {
        "topics": _texts(topics),
        "noises": _texts(noises),
        "clients": clients,
        "chunks": CHUNKS,
        "model": MODEL,
    }
    connection = await asyncpg.connect(product.plain(url))
    try:
        await connection.execute(_FILL % values)
        ids = [
            row["id"]
            for row in await connection.fetch("SELECT id FROM clients ORDER BY id LIMIT $1", sample)
        ]
    finally:
        await connection.close()
    asked = topics + _unit(random, CHUNKS, 0.6)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    db = product.database(settings, size=1)
    for client_id in ids:
        await _seal(db, client_id)
    return Crowd(db, (ids * sample)[:sample], asked.tolist(), [])


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 100, 1000])
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home, database = Path(place), postgres_pids(postgres)
        env = environment("", valkey.url, home, 1)
        urls = {count: postgres.createdb(f"t{count}") for count in given.clients}
        crowds = {count: await crowd(env, url, count) for count, url in urls.items()}
        racers = {
            n: Racer(f"{n} clients", one.run, {"postgres": database}) for n, one in crowds.items()
        }
        await race(list(racers.values()), given.rounds)
        recall = {n: await one.recall(urls[n]) for n, one in crowds.items()}
        p50 = {n: statistics.median(one.seconds[SAMPLE:]) * 1000 for n, one in crowds.items()}
        for one in crowds.values():
            await one.db.close()
    fewest, most = min(racers), max(racers)
    publish(
        Path(__file__).parent,
        {
            "race": "P11 tenant-flat",
            "figures": {
                "CPU, most clients / fewest": ratio(
                    racers[most], racers[fewest], "postgres_cpu_us"
                ),
                "p50, most clients / fewest": p50[most] / p50[fewest],
                "recall@5": min(recall.values()),
            },
            "goals": GOALS,
            "p50 ms": p50,
            "recall@5": recall,
            "racers": {racer.name: racer.summary() for racer in racers.values()},
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
