"""Another's id costs what nobody's costs: the same statements, each as often. Time can't tell them apart."""

from collections import Counter
from uuid import uuid4

from app.api.app import create_app
from app.core.multi_tenant import Tx
from tests.isolation.asgi import send
from tests.isolation.attempts import Caller
from tests.isolation.operations import operations
from tests.isolation.world import World

Counts = Counter[tuple[str, int]]


class Spy:
    """What the application asks the database."""

    def __init__(self, world: World) -> None:
        self.asked: Counts = Counter()
        self._db = world.product.services.db

    def __enter__(self) -> "Spy":
        whole = self._db._transaction

        def watched(client_id):  # type: ignore[no-untyped-def]
            return _Watched(whole(client_id), self.asked)

        self._db._transaction = watched  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        del self._db._transaction


class _Watched:
    def __init__(self, manager, asked: Counts) -> None:  # type: ignore[no-untyped-def]
        self._manager, self._asked = manager, asked

    async def __aenter__(self) -> Tx:
        tx: Tx = await self._manager.__aenter__()
        tx.raw.add_query_logger(self._note)
        self._raw = tx.raw
        return tx

    async def __aexit__(self, *error: object) -> object:
        self._raw.remove_query_logger(self._note)
        return await self._manager.__aexit__(*error)

    def _note(self, logged) -> None:  # type: ignore[no-untyped-def]
        self._asked[logged.query, len(logged.args)] += 1


async def test_an_id_of_another_costs_what_an_unknown_one_costs(world: World) -> None:
    """Check 10, without a clock: a difference in time would need a difference in what is done."""
    app = create_app(world.product.services)
    mine, other = world.houses[:2]
    compared = 0
    for one in operations(app):
        names = [name for name in one.names if name.endswith("_id") and name != "client_id"]
        for name in names:
            theirs = other.objects.get(name.removesuffix("_id"))
            for caller in ("owner", "visitor") if theirs else ():
                costs = [await _cost(world, app, Caller(one, mine, caller), names, id_)
                         for id_ in (theirs[0], str(uuid4()))]  # fmt: skip
                assert costs[0] == costs[1], (one.title, caller)
                compared += 1
    assert compared >= 20


async def _cost(world: World, app, caller: Caller, names: list[str], id_: str) -> Counts:  # type: ignore[no-untyped-def]
    with Spy(world) as spy:
        answer = await send(app, caller.request(dict.fromkeys(names, id_)))
    assert answer.status >= 400, caller.operation.title
    return spy.asked
