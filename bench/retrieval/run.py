"""Measures retrieval on public question sets, through the product: indexer, embedder, PostgreSQL, retriever.

    cd backend && PYTHONPATH=. ../.venv/bin/python ../bench/retrieval/run.py --data ../../shared/data

Every paragraph of a set is a document of one client; a question's right answer is the paragraph it was asked of.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.core.multi_tenant import APP_ROLE, Database
from app.core.tenant_token import TenantSigner
from app.embedded.postgres import EmbeddedPostgres
from app.migration import migrate
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.services.keyring import Keyring
from app.services.keys.file import Config as FileConfig
from app.services.keys.file import FileKeys
from app.services.knowledge.base import Block, BlockKind, model_of
from app.services.knowledge.embedders.local import Config, LocalEmbedder
from app.services.knowledge.indexer import Indexer
from app.services.knowledge.retriever import Retriever
from app.services.knowledge.stores import postgres

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT.parent / "shared" / "data"
SECRET = "a key for measuring, longer than thirty-two bytes"  # noqa: S105 - it guards nothing.
DEPTH = 30
"""Chunks looked at for ten paragraphs: a long paragraph is several chunks."""


@dataclass(frozen=True, slots=True)
class Set:
    """A public question set, its language, and what retrieval must reach on it."""

    name: str
    file: str
    language: str
    recall_at_1: float
    recall_at_5: float


SETS = (
    Set("xquad-en", "xquad.en.json", "en", 0.955, 0.99),
    Set("arcd-train", "arcd-train.json", "ar", 0.74, 0.95),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured on one set."""

    name: str
    paragraphs: int
    chunks: int
    questions: int
    recall_at_1: float
    recall_at_5: float
    mrr_at_10: float
    index_ms_per_paragraph: float
    search_ms_p50: float
    search_ms_p95: float


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph with the questions that were asked of it."""

    title: str
    text: str
    questions: tuple[str, ...]


def paragraphs(path: Path) -> Iterator[Paragraph]:
    """The paragraphs of a file in SQuAD's format."""
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            questions = tuple(qa["question"] for qa in paragraph["qas"])
            yield Paragraph(article.get("title", ""), paragraph["context"], questions)


async def parse(content: bytes, *, media_type: str, filename: str) -> list[Block]:
    """A title and a paragraph, as this script stores them."""
    title, _, text = content.decode().partition("\n")
    return [Block(BlockKind.TITLE, title), Block(BlockKind.PARAGRAPH, text)]


class Race:
    """One client that has learned one set."""

    def __init__(self, db: Database, embedder: LocalEmbedder) -> None:
        store = postgres.PostgresVectors(
            postgres.Config(database=db, model=model_of(embedder)), None
        )
        self._db = db
        self._indexer = Indexer(db, embedder, store, parse)
        self._retriever = Retriever(db, embedder, store)
        self._client = uuid4()

    async def run(self, which: Set, data: Path) -> Result:
        """Indexes the set, asks every question, and looks where its paragraph came."""
        learned = list(paragraphs(data / which.file))
        started = time.perf_counter()
        ids = [await self._learn(number, paragraph) for number, paragraph in enumerate(learned)]
        indexed = time.perf_counter() - started
        await self._retriever.warm()
        asked = [(i, q) for i, p in zip(ids, learned, strict=True) for q in p.questions]
        found = [
            await self._ask(document, question, which.language) for document, question in asked
        ]
        ranks, times = [rank for rank, _ in found], sorted(seconds for _, seconds in found)
        async with self._db.tenant(self._client) as tx:
            chunks = await tx.value(
                "SELECT count(*) FROM knowledge_chunks WHERE client_id = $1",
                self._client,
            )
        return Result(
            name=which.name,
            paragraphs=len(ids),
            chunks=chunks,
            questions=len(ranks),
            recall_at_1=round(sum(r == 1 for r in ranks) / len(ranks), 4),
            recall_at_5=round(sum(0 < r <= 5 for r in ranks) / len(ranks), 4),
            mrr_at_10=round(sum(1 / r for r in ranks if 0 < r <= 10) / len(ranks), 4),
            index_ms_per_paragraph=round(indexed / len(ids) * 1000, 1),
            search_ms_p50=round(times[len(times) // 2] * 1000, 1),
            search_ms_p95=round(times[len(times) * 95 // 100] * 1000, 1),
        )

    async def prepare(self) -> None:
        """Makes the client."""
        async with self._db.tenant(self._client) as tx:
            await tx.run(
                "INSERT INTO clients (id, name, slug) VALUES ($1, 'Race', $2)",
                self._client,
                f"r-{self._client}",
            )

    async def _learn(self, number: int, paragraph: Paragraph) -> UUID:
        content = f"{paragraph.title}\n{paragraph.text}".encode()
        async with self._db.tenant(self._client) as tx:
            source = await KnowledgeSource.named(tx, "set")
            upload = Upload(
                source,
                str(number),
                "text/plain",
                content,
                hashlib.sha256(content).hexdigest(),
            )
            document = await KnowledgeDocument.put(tx, upload)
        if document is None:
            raise RuntimeError("A fresh client knows this paragraph already.")
        await self._indexer.index(self._client, document)
        return document

    async def _ask(self, document: UUID, question: str, language: str) -> tuple[int, float]:
        """Which place the right paragraph came in, 0 for none of the first ten, and how long it took."""
        started = time.perf_counter()
        own, other = await self._retriever.search(self._client, [question], language, DEPTH)
        seconds = time.perf_counter() - started
        order = list(dict.fromkeys(passage.document_id for passage in (*own, *other)))[:10]
        return (order.index(document) + 1 if document in order else 0), seconds


@asynccontextmanager
async def embedder(home: Path) -> AsyncIterator[LocalEmbedder]:
    """The embedding server in a process of its own, and a client of it."""
    with tempfile.TemporaryDirectory(prefix="wafaa") as folder:
        socket = Path(folder, "s")
        code = "import asyncio, sys; from pathlib import Path; from app.services.knowledge.embedder import serve; "
        code += "asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, socket, home, env=environment
        )
        client = LocalEmbedder(Config(socket=socket, wait_seconds=60), None)
        try:
            yield client
        finally:
            await client.close()
            process.terminate()
            await process.wait()


async def measure(url: str, data: Path, home: Path, wanted: set[str]) -> list[Result]:
    """Runs the wanted sets, each with a client of its own."""
    signer = TenantSigner(SECRET)
    await migrate(url, signer, SECRET)
    app = (
        make_url(url).set(username=APP_ROLE, password=SECRET).render_as_string(hide_password=False)
    )
    plain = Database.connect(app, signer, size=5)
    keys = FileKeys(FileConfig(master_key=SecretStr(SECRET), path=home / "master.keys"), None)
    db = plain.sealed_with(Keyring(plain, keys))
    results = []
    async with embedder(home) as client:
        for which in (s for s in SETS if s.name in wanted):
            race = Race(db, client)
            await race.prepare()
            results.append(await race.run(which, data))
    await db.close()
    return results


def main() -> int:
    """Prints the results as JSON; fails if a floor is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("EVALUATION_DATA", DEFAULT_DATA)),
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(tempfile.gettempdir(), "wafaa-tests"),
        help="keeps the model",
    )
    parser.add_argument(
        "--set", action="append", choices=[s.name for s in SETS], help="all when absent"
    )
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="wafaa") as folder,
        EmbeddedPostgres(
            Path(folder, "pg"), max_connections=30, settings={"fsync": "off"}
        ) as server,
    ):
        url = server.createdb("race")
        wanted = set(options.set or (s.name for s in SETS))
        results = asyncio.run(measure(url, options.data, options.home, wanted))
    floors = {s.name: s for s in SETS}
    met = all(
        r.recall_at_1 >= floors[r.name].recall_at_1 and r.recall_at_5 >= floors[r.name].recall_at_5
        for r in results
    )
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "race": "retrieval",
        "met": met,
        "children_cpu_seconds": round(cpu.ru_utime + cpu.ru_stime, 1),
        "floors": [asdict(s) for s in SETS],
        "results": [asdict(r) for r in results],
    }
    text = json.dumps(report, ensure_ascii=False, indent=2)
    print(text)  # noqa: T201 - its output.
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
