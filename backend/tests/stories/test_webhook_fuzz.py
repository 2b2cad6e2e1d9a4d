"""Whatever a platform posts, validly signed, the webhook answers 200: what can't be read is kept, never refused."""

import asyncio
import copy
import json
import random
from pathlib import Path
from typing import Any

from simulators._signing import headers_for
from tests.fixtures.product import APP_SECRET, Product

PAYLOADS = sorted((Path(__file__).parents[1] / "payloads" / "whatsapp").glob("*.json"))
NUMBER = "900200"
ROUNDS = 6
SEED = 20261123

WRONG: list[Any] = [
    None, "", 0, -1, 2**63, 1e308, True, [], {}, [[]], [None], {"a": {"b": {}}}, "x" * 70_000,
    "\x00", "a\x00b", "\ud800", "٠١٢", "ﷺ" * 500, "‮", "-9" * 30, "9" * 40, "NaN", [{}] * 50, {"id": {"id": {"id": []}}},
    "<script>", "' OR 1=1 --",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a document."""
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for key, part in inside for place in places(part, (*path, key)))]


def mutate(payload: Any, chance: random.Random) -> Any:
    """Drops a value, or puts a wrong, huge or nested one in its place; a few times."""
    changed = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice([place for place in places(changed) if place] or [("object",)])
        holder = changed
        for key in way:
            holder = holder[key]
        if chance.random() < 0.3:
            holder.pop(last) if isinstance(holder, dict) else holder.pop(int(last))
        elif chance.random() < 0.1:
            holder[last] = {"nested": holder[last]}
        else:
            holder[last] = chance.choice(WRONG)
    return changed


async def test_no_mutation_of_any_payload_is_answered_with_an_error(
    product: Product, whatsapp
) -> None:
    cafe = await product.business("cafe")
    await product.connect_whatsapp(cafe, NUMBER)
    chance = random.Random(SEED)  # noqa: S311 # Chance, not secrecy.
    at_once = asyncio.Semaphore(8)
    answers: dict[int, list[str]] = {}

    async def post(name: str, payload: Any) -> None:
        body = json.dumps(payload).encode()
        headers = {"Content-Type": "application/json", **headers_for(body, APP_SECRET)}
        async with (
            at_once,
            product.api.post("/webhook/whatsapp/cafe", data=body, headers=headers) as answer,
        ):
            answers.setdefault(answer.status, []).append(name)

    originals = {path.stem: json.loads(path.read_text("utf-8")) for path in PAYLOADS}
    mutants = [
        (name, mutate(original, chance))
        for name, original in originals.items()
        for _ in range(ROUNDS)
    ]
    await asyncio.gather(*(post(*mutant) for mutant in [*originals.items(), *mutants]))
    assert set(answers) == {200}, {
        status: names[:5] for status, names in answers.items() if status != 200
    }
    assert len(answers[200]) == len(PAYLOADS) * (ROUNDS + 1)


async def test_what_is_no_json_is_taken_and_kept(product: Product, whatsapp) -> None:
    cafe = await product.business("cafe")
    await product.connect_whatsapp(cafe, NUMBER)
    for body in (
        b"",
        b"{",
        b"[1,2]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"entry":' * 5_000,
    ):
        headers = {"Content-Type": "application/json", **headers_for(body, APP_SECRET)}
        async with product.api.post("/webhook/whatsapp/cafe", data=body, headers=headers) as answer:
            assert answer.status == 200, body[:20]
