"""What every vector store must do: keep namespaces apart, above all."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from app.core import plugins
from app.core.multi_tenant import Database
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.services.knowledge.base import Vector, VectorRecord, VectorStore, namespace_of
from app.services.knowledge.stores import postgres

SEAM = "app.services.knowledge.stores"
EAST: Vector = (1.0, 0.0, 0.0)
NORTH: Vector = (0.0, 1.0, 0.0)
NORTH_EAST: Vector = (0.6, 0.8, 0.0)

NewClient = Callable[[], Awaitable[UUID]]


def in_postgres(db: Database) -> VectorStore:
    return postgres.adapter(postgres.Config(database=db, model="compass/3"), None)  # type: ignore[arg-type]


MADE: dict[str, Callable[[Database], VectorStore]] = {"postgres": in_postgres}


@pytest.fixture(params=plugins.names(SEAM))
def store(request: pytest.FixtureRequest, knowledge_db: Database) -> VectorStore:
    """Each adapter found; a new file needs its line in MADE."""
    return MADE[request.param](knowledge_db)


class Shelf:
    """A client with documents to keep vectors of."""

    def __init__(self, db: Database, client_id: UUID) -> None:
        self._db = db
        self.client_id = client_id
        self.namespace = namespace_of(client_id)

    async def document(self) -> UUID:
        async with self._db.tenant(self.client_id) as tx:
            source = await KnowledgeSource.named(tx, "files")
            made = await KnowledgeDocument.put(
                tx, Upload(source, str(uuid4()), "text/plain", b"", "0")
            )
        assert made
        return made


@pytest.fixture
async def shelf(knowledge_db: Database, new_client: NewClient) -> Shelf:
    return Shelf(knowledge_db, await new_client())


def record(document: UUID, vector: Vector, pool: str = "en") -> VectorRecord:
    return VectorRecord(uuid4(), document, pool, vector)


async def test_the_nearest_comes_first_with_its_cosine(store: VectorStore, shelf: Shelf) -> None:
    document = await shelf.document()
    east, north = record(document, EAST), record(document, NORTH)
    await store.upsert(shelf.namespace, [east, north])
    found = await store.search(shelf.namespace, NORTH_EAST, limit=5)
    assert [match.chunk_id for match in found] == [north.chunk_id, east.chunk_id]
    assert [match.similarity for match in found] == pytest.approx([0.8, 0.6], abs=1e-3)


async def test_every_pool_is_searched_up_to_the_limit(store: VectorStore, shelf: Shelf) -> None:
    document = await shelf.document()
    await store.upsert(
        shelf.namespace, [record(document, EAST, pool) for pool in ("en", "en", "en", "ar")]
    )
    found = await store.search(shelf.namespace, EAST, limit=2)
    assert sorted(match.pool for match in found) == ["ar", "en", "en"]


async def test_the_same_chunk_again_replaces(store: VectorStore, shelf: Shelf) -> None:
    first = record(await shelf.document(), EAST)
    await store.upsert(shelf.namespace, [first])
    await store.upsert(
        shelf.namespace, [VectorRecord(first.chunk_id, first.document_id, "ar", NORTH)]
    )
    (found,) = await store.search(shelf.namespace, NORTH, limit=5)
    assert (found.chunk_id, found.pool) == (first.chunk_id, "ar")
    assert found.similarity == pytest.approx(1.0, abs=1e-3)


async def test_one_namespace_never_sees_another(
    store: VectorStore, shelf: Shelf, knowledge_db: Database, new_client: NewClient
) -> None:
    """Check 12."""
    other = Shelf(knowledge_db, await new_client())
    mine, theirs = record(await shelf.document(), EAST), record(await other.document(), EAST)
    await store.upsert(shelf.namespace, [mine])
    await store.upsert(other.namespace, [theirs])
    await store.delete(shelf.namespace, theirs.document_id)
    assert [m.chunk_id for m in await store.search(shelf.namespace, EAST, limit=5)] == [
        mine.chunk_id
    ]
    assert [m.chunk_id for m in await store.search(other.namespace, EAST, limit=5)] == [
        theirs.chunk_id
    ]


async def test_a_document_is_forgotten_whole_or_by_chunks(store: VectorStore, shelf: Shelf) -> None:
    document, kept = await shelf.document(), record(await shelf.document(), EAST)
    one, two, three = (record(document, EAST) for _ in range(3))
    await store.upsert(shelf.namespace, [one, two, three, kept])
    await store.delete(shelf.namespace, document, [one.chunk_id, kept.chunk_id])
    left = {match.chunk_id for match in await store.search(shelf.namespace, EAST, limit=5)}
    assert left == {two.chunk_id, three.chunk_id, kept.chunk_id}
    await store.delete(shelf.namespace, document)
    assert [match.chunk_id for match in await store.search(shelf.namespace, EAST, limit=5)] == [
        kept.chunk_id
    ]


async def test_nothing_is_found_where_nothing_is_kept(store: VectorStore, shelf: Shelf) -> None:
    await store.upsert(shelf.namespace, [])
    assert await store.search(shelf.namespace, EAST, limit=5) == []


async def test_a_thousand_vectors_are_kept_at_once(store: VectorStore, shelf: Shelf) -> None:
    document = await shelf.document()
    await store.upsert(shelf.namespace, [record(document, EAST) for _ in range(1000)])
    assert len(await store.search(shelf.namespace, EAST, limit=2000)) == 1000
