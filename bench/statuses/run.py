"""What platforms tell of our messages: three of four webhooks. Each reply is sent, delivered and read.

Peer: P1's webhooks, a message each, in the same run: they write far more.
"""

import argparse
import os
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from bench import product
from bench.lib import (
    IDLE_WORKERS,
    Racer,
    environment,
    pin,
    postgres_pids,
    process,
    publish,
    race,
    ratio,
    run,
    servers,
    tree,
    until_answers,
    workplace,
)
from bench.load import post_all, request
from bench.webhook_accept.run import AT_ONCE, Webhooks

TOLD = ("sent", "delivered", "read")
GOALS = {"a status / a message, CPU of app and database": "<= 1"}

_REPLIES = """
WITH talks AS (
  UPDATE conversations SET last_seq = last_seq + 1 WHERE id IN (SELECT id FROM conversations ORDER BY id DESC LIMIT $1)
  RETURNING client_id, id, last_seq
), made AS (
  INSERT INTO messages (client_id, id, conversation_id, seq, author, kind, said, delivery_state)
  SELECT client_id, uuidv7(), id, last_seq, 'assistant', 'text', 'x', 'accepted' FROM talks RETURNING client_id, id
)
SELECT m.id, c.slug FROM made m JOIN clients c ON c.id = m.client_id
"""


class Statuses:
    """Webhooks that tell of replies, in the order in which things happen."""

    def __init__(self, url: str, numbers: list[str], count: int, database: str) -> None:
        self._url, self._numbers, self._count, self._database = url, numbers, count, database
        self._waves: list[list[bytes]] = []
        self.told = 0

    async def prepare(self) -> None:
        """Answers as many conversations, and writes what is told of the answers."""
        connection = await asyncpg.connect(self._database)
        replies = await connection.fetch(_REPLIES, self._count // len(TOLD))
        await connection.close()
        self._waves = [[self._one(state, row["id"], row["slug"]) for row in replies] for state in TOLD]
        self.told += len(TOLD) * len(replies)

    def _one(self, state: str, message: uuid.UUID, slug: str) -> bytes:
        status = {
            "id": f"wamid.{message.hex}", "status": state, "timestamp": str(int(time.time())),
            "recipient_id": "966505550101", "biz_opaque_callback_data": str(message),
            "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"},
        }  # fmt: skip
        value = {
            "messaging_product": "whatsapp", "statuses": [status],
            "metadata": {
                "display_phone_number": "15550001111",
                "phone_number_id": self._numbers[int(slug.removeprefix("client-"))],
            },
        }  # fmt: skip
        change = {"field": "messages", "value": value}
        raw, headers = product.signed(
            {"object": "whatsapp_business_account", "entry": [{"id": "900100", "changes": [change]}]}
        )
        return request(self._url, f"/webhook/whatsapp/{slug}", raw, headers)

    async def post(self) -> int:
        """Posts them, one kind after the other."""
        return sum([await post_all(self._url, wave, AT_ONCE) for wave in self._waves])


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=50)
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey), ExitStack() as processes:
        database, port, home = postgres.createdb("ours"), product.free_port(), Path(place)
        env = environment(database, valkey.url, home, port) | IDLE_WORKERS
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        api = processes.enter_context(process(product.role("serve"), env, home / "api.log"))
        url = f"http://127.0.0.1:{port}"
        await until_answers(f"{url}/health/live", api)
        pin(0)
        groups = {
            "app": lambda: tree(api.pid), "postgres": postgres_pids(postgres), "load": lambda: [os.getpid()],
        }  # fmt: skip
        messages = Webhooks(url, "/webhook/whatsapp/client-{n}", numbers, given.count)
        statuses = Statuses(url, numbers, given.count, product.plain(database))
        racers = {
            "a message": Racer("a message", messages.post, groups, messages.make),
            "a status": Racer("a status", statuses.post, groups, statuses.prepare),
        }
        messages.make()
        await messages.post()  # Whoever is answered has written before.
        await race(list(racers.values()), given.rounds)
        read = await product.count(database, "messages WHERE delivery_state = 'read'")
        assert len(TOLD) * read == statuses.told, (read, statuses.told)
    cpu = {name: racer.median("app_cpu_us") + racer.median("postgres_cpu_us") for name, racer in racers.items()}
    publish(
        Path(__file__).parent,
        {
            "race": "statuses",
            "figures": {
                "a status / a message, CPU of app and database": cpu["a status"] / cpu["a message"],
                "a status / a message, per second": ratio(racers["a status"], racers["a message"], "per_second"),
                **{f"{name}, µs of {part}": racer.median(f"{part}_cpu_us")
                   for name, racer in racers.items() for part in ("app", "postgres")},
            },
            "goals": GOALS,
            "racers": {name: racer.summary() for name, racer in racers.items()},
        },
    )


if __name__ == "__main__":
    run(main())
