"""What happened between the platform and us, for checkers to read afterwards."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from simulators._meta_payloads import Payload


@dataclass(frozen=True, slots=True)
class WebhookPosted:
    """A webhook and its answer; ``status`` 0 means that none came."""

    at: float
    payload: Payload
    forged: bool
    attempt: int
    status: int


@dataclass(frozen=True, slots=True)
class SendReceived:
    """A send and what became of it; ``status`` 0 means that the caller got no answer."""

    at: float
    phone_number_id: str
    body: Payload
    behaviour: str
    accepted: bool
    status: int
    code: int | None = None
    wamid: str | None = None
    our_id: str | None = None
    to: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ReadReceived:
    """A message of a contact was marked as read."""

    at: float
    phone_number_id: str
    wamid: str


Record = WebhookPosted | SendReceived | ReadReceived


class History:
    """Every record in its order; whoever watches gets each as it's made."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._watchers: list[asyncio.Queue[Record]] = []

    def add(self, record: Record) -> None:
        """Keeps a record and tells the watchers."""
        self.records.append(record)
        for queue in self._watchers:
            queue.put_nowait(record)

    def watch(self) -> asyncio.Queue[Record]:
        """A queue that gets every record from now on."""
        queue: asyncio.Queue[Record] = asyncio.Queue()
        self._watchers.append(queue)
        return queue

    def sends(self) -> list[SendReceived]:
        """Every send, accepted or not."""
        return [record for record in self.records if isinstance(record, SendReceived)]

    def lines(self) -> Iterator[str]:
        """The records as JSON lines."""
        for record in self.records:
            yield json.dumps({"record": type(record).__name__, **asdict(record)})
