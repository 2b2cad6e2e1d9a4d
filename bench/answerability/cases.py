"""Questions with what was found for them, answerable or not, from public sets and from two small businesses."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from memory import Asked, Shelf

from app.demo import DEMO
from app.services.ai.text import fold
from app.services.knowledge.base import Block, BlockKind, Embedder, Passage, Purpose
from app.services.knowledge.chunker import Chunk, chunks
from app.services.knowledge.embedders.local import Config, LocalEmbedder
from app.services.knowledge.parsing import parse

ROOT = Path(__file__).resolve().parents[2]
SETS = {"xquad-en": ("xquad.en.json", "en"), "arcd": ("arcd-train.json", "ar")}
GYM = tuple(sorted(Path(__file__).with_name("gym").iterdir()))
MEDIA_TYPES = {".md": "text/markdown", ".csv": "text/csv", ".html": "text/html"}


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what was found for it.

    Attributes:
        source: Where it is from: a public set, or a business; with ``/one`` where all knowledge is one passage.
        kind: ``answerable`` or ``foreign`` (answerable in the other language only); else ``hard`` (its paragraph is
            gone), ``easy`` (its article is gone), ``near`` (a neighbouring trade), ``far`` (nothing to do with it).
        expects: What a right answer contains.
    """

    source: str
    kind: str
    question: str
    language: str
    passages: tuple[Passage, ...]
    expects: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the passages hold the answer, as far as is known."""
        return self.kind in ("answerable", "foreign")


@asynccontextmanager
async def embedding(home: Path) -> AsyncIterator[LocalEmbedder]:
    """The product's embedding server in a process of its own, and a client of it."""
    with tempfile.TemporaryDirectory(prefix="wafaa") as folder:
        socket = Path(folder, "s")
        code = "import asyncio, sys; from pathlib import Path; from app.services.knowledge.embedder import serve; "
        code += "asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, socket, home, env=environment
        )
        client = LocalEmbedder(Config(socket=socket, wait_seconds=60), None)  # type: ignore[arg-type]  # Needs none.
        try:
            yield client
        finally:
            await client.close()
            server.terminate()
            await server.wait()


async def public(embedder: Embedder, name: str, data: Path) -> list[Case]:
    """A public set: each question as it is, without its paragraph, and without its article."""
    file, language = SETS[name]
    articles = json.loads((data / file).read_text("utf-8"))["data"]
    pieces, groups = [], []
    for a, p, title, paragraph in _paragraphs(articles):
        blocks = [Block(BlockKind.TITLE, title), Block(BlockKind.PARAGRAPH, paragraph["context"])]
        found = chunks(blocks, title)
        pieces += found
        groups += [f"{a}/{p}"] * len(found)
    shelf = await Shelf.of(embedder, pieces, groups)
    asked = [
        (a, p, qa["question"], qa["answers"][0]["text"])
        for a, p, _, paragraph in _paragraphs(articles)
        for qa in paragraph["qas"]
    ]
    vectors = await _questions(embedder, [question for _, _, question, _ in asked])
    cases = []
    for (a, p, text, answer), vector in zip(asked, vectors, strict=True):
        question = Asked(text, language, vector)
        article = frozenset(g for g in groups if g.split("/")[0] == str(a))
        gone = {"answerable": frozenset(), "hard": frozenset([f"{a}/{p}"]), "easy": article}
        cases += [
            Case(name, kind, text, language, tuple(shelf.search(question, without)), answer)
            for kind, without in gone.items()
        ]
    return cases


async def businesses(embedder: Embedder, table: str) -> list[Case]:
    """The questions to the two businesses of the demo and to a gym, one a line."""
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    vectors = await _questions(embedder, [row[3] for row in rows])
    taught = {client.slug: client.documents for client in DEMO} | {"gym": GYM}
    shelves = {slug: await _business(embedder, files) for slug, files in taught.items()}
    return [
        Case(
            slug,
            kind,
            text,
            language,
            tuple(shelves[slug].search(Asked(text, language, vector))),
            expects,
        )
        for (slug, language, kind, text, expects), vector in zip(rows, vectors, strict=True)
    ]


async def _business(embedder: Embedder, documents: Sequence[Path]) -> Shelf:
    pieces: list[Chunk] = []
    groups: list[str] = []
    for path in documents:
        blocks = await parse(
            path.read_bytes(), media_type=MEDIA_TYPES[path.suffix], filename=path.name
        )
        found = chunks(blocks, path.stem)
        pieces += found
        groups += [path.name] * len(found)
    return await Shelf.of(embedder, pieces, groups)


async def _questions(embedder: Embedder, texts: Sequence[str]) -> list[np.ndarray]:
    return [np.asarray(vector) for vector in await embedder.embed(texts, Purpose.QUERY)]


def _paragraphs(articles: Sequence[dict]) -> Iterator[tuple[int, int, str, dict]]:
    for a, article in enumerate(articles):
        for p, paragraph in enumerate(article["paragraphs"]):
            yield a, p, article.get("title", ""), paragraph


def alone(cases: Sequence[Case]) -> Iterator[Case]:
    """The same questions to a business that has taught one thing only: scores that compare passages are silent."""
    for case in cases:
        wanted = fold(case.expects) if case.answerable else ""
        own = [p for p in case.passages if p.language == case.language]
        holding = [p for p in own if wanted in fold(f"{p.question} {p.text}")]
        if case.kind in ("answerable", "easy", "near", "far") and holding:
            passage = replace(holding[0], score=0.0)
            yield replace(case, source=f"{case.source}/one", passages=(passage,))
