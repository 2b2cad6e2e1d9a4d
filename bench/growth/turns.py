"""Turns as a worker asks them of the database, in conversations that exist."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app.bootstrap import bootstrap
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.models import arrival, knowledge_search
from app.models.arrival import Arrival
from app.models.contact import Contact
from app.models.dispatch import Dispatch
from app.models.lane import Along, Lane, Lease, Wanted
from app.models.knowledge_search import Sought
from app.models.message import Author, Message, NewMessage
from app.models.turn import FinishedTurn, Outcome
from app.services.orchestrator import accounts
from app.services.queue.jobs import CHAT
from app.utils.ids import uuid7

LEASE, WAITING, HISTORY, ALONG = 30.0, 20, 12, 32
ANSWER = "We deliver to Hittin every day from nine in the morning, and it costs eighteen riyals. " * 2


@dataclass(frozen=True)
class Clients:
    """Clients with a WhatsApp account each."""

    ids: Sequence[UUID]
    accounts: Sequence[UUID]

    def of(self, place: int) -> tuple[UUID, UUID]:
        """The client and the account of a conversation, by its place among all."""
        return self.ids[place % len(self.ids)], self.accounts[place % len(self.ids)]


async def connect_all(chosen: Settings, db: Database, ids: Sequence[UUID]) -> Clients:
    """Gives each client an account."""
    services = bootstrap(chosen)
    made = []
    try:
        for n, client_id in enumerate(ids):
            fields = {"phone_number_id": str(700_000 + n), "access_token": f"token-{n}", "verify_token": "verify"}
            async with db.tenant(client_id) as tx:
                account = await accounts.connect(
                    tx, services.channels, "whatsapp", "WhatsApp", fields, actor="bench"
                )
            made.append(account.id)
    finally:
        await services.close()
    return Clients(ids, made)


async def greet(db: Database, clients: Clients, places: Sequence[int]) -> dict[int, UUID]:
    """Makes the contact of each place."""
    made = {}
    for place in places:
        client_id, account_id = clients.of(place)
        async with db.tenant(client_id) as tx:
            made[place] = await Contact.resolve(tx, account_id, addresses(place), "Laila")
    return made


def addresses(place: int) -> list[tuple[str, str]]:
    """Where the contact of a place is reached."""
    return [("user_id", f"SA.{place}"), ("phone", f"9665{place:08d}")]


@dataclass
class Turns:
    """Turns: who takes part writes, and is answered."""

    db: Database
    clients: Clients
    places: Sequence[int]
    sought: Callable[[int, tuple[str, ...]], Sought]
    count: int
    _next: int = 0
    _after: UUID | None = None

    async def arrive(self) -> None:
        """So many contacts write, the next ones in line."""
        places = [self.places[(self._next + n) % len(self.places)] for n in range(self.count)]
        self._next += self.count
        for first in range(0, self.count, 50):
            some = [await self._arrival(place) for place in places[first : first + 50]]
            assert all(await arrival.write(self.db, some))

    async def _arrival(self, place: int) -> Arrival:
        client_id, account_id = self.clients.of(place)
        said = f"wamid.{uuid7().hex}"
        return Arrival(
            await self.db.cipher(client_id), account_id, said, tuple(addresses(place)), "Laila", "text",
            "Do you deliver to Hittin?", {}, said, datetime.now(UTC), 24, 0.0,
        )  # fmt: skip

    async def run(self) -> list[float]:
        """A turn for everybody who waits, one after the other; gives the seconds of each."""
        return [await self._timed(n) for n in range(self.count)]

    async def _timed(self, n: int) -> float:
        began = time.perf_counter()
        await self._turn(await self._claim(), n)
        return time.perf_counter() - began

    async def _claim(self) -> Lease:
        along = Along(self._coming(), WAITING, HISTORY)
        claimed = await Lane.claim(self.db, [Wanted(CHAT, 1, 1, {}, self._after, 0)], LEASE, along)
        [lease] = claimed.leases
        self._after = lease.client_id
        return lease

    def _coming(self) -> list[UUID]:
        """The clients whose turn is next, as a worker knows them that had them last."""
        ids = self.clients.ids
        start = ids.index(self._after) + 1 if self._after else 0
        return [ids[(start + n) % len(ids)] for n in range(ALONG)]

    async def _turn(self, lease: Lease, n: int) -> None:
        assert lease.turn is not None and len(lease.turn["earlier"]) == HISTORY
        sought = self.sought(n, ("topic", f"t{n % 60}", f"g{n % 7}"))
        found = await knowledge_search.find(self.db, lease.client_id, sought, 6)
        reply = NewMessage(
            lease.lane_id, Author.ASSISTANT, ANSWER, "en",
            citations=[{"title": one.title, "url": None, "passage": one.text} for one in found[:1]],
            reply_to_id=UUID(lease.turn["waiting"][-1]["id"]), delivery_state="queued",
        )  # fmt: skip
        turn = _finished(lease, reply)
        recorded, cipher = await turn.record(self.db, lease.client_id), await self.db.cipher(lease.client_id)
        assert recorded.outcome is Outcome.HELD and recorded.parcel is not None
        assert len(Dispatch.opened(cipher, reply.id, recorded.parcel).addresses) == 2
        held = (lease.fence, turn.delivery_id)
        assert await Message.record_sent(
            self.db, lease.client_id, lease.lane_id, reply.id, f"wamid.{reply.id.hex}", held
        )


def _finished(lease: Lease, reply: NewMessage) -> FinishedTurn:
    turn = lease.turn or {}
    return FinishedTurn(
        reply=reply,
        answers=tuple(UUID(m["id"]) for m in turn["waiting"]),
        seen=turn["last_contact_seq"],
        final=False,
        fence=lease.fence,
        job_id=lease.job_id,
        usage=("extractive", 200, 30, 5, "whatsapp"),
        trace={"rule": "bench", "passages": [ANSWER[:60]] * 4},
        delivery={"conversation_id": str(lease.lane_id), "message_id": str(reply.id)},
        lease_seconds=LEASE,
    )
