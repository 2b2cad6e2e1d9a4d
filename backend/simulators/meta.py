"""Meta's side of WhatsApp on loopback: a Graph API that takes messages, and a platform that posts webhooks.

``python -m simulators.meta --port 8090 --callback http://127.0.0.1:8000/webhook/whatsapp/bakery --number 900200:token``
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from simulators import _meta_payloads as payloads
from simulators._meta_chaos import Behaviour, Chaos, Delivery, disturb
from simulators._meta_history import History, SendReceived, WebhookPosted
from simulators._meta_payloads import Number, Payload, Person, person
from simulators._meta_server import GraphServer
from simulators._signing import body_of, headers_for

__all__ = ["Behaviour", "Chaos", "MetaSimulator", "Number", "Post", "SendReceived", "WebhookPosted"]

Post = Callable[[bytes, dict[str, str]], Awaitable[int]]
"""Posts a signed body and returns the HTTP status: for a product that runs in the same process."""

STATUSES = ("sent", "delivered", "read")
RETRY_SECONDS = 30.0
_POST_TIMEOUT = aiohttp.ClientTimeout(total=15)


class MetaSimulator:
    """WhatsApp for tests and for people without an account.

    Attributes:
        history: Every webhook posted and every send received.
        undelivered: Status payloads that had nowhere to go, since there is no callback.
        chaos: How it misbehaves by chance; may be replaced at any time.
        statuses: What it reports of each accepted message, in order.
        patience: For how many seconds it tries to get a 200.
        pause: How many seconds it asks whoever sends too much to wait.
    """

    def __init__(
        self,
        *,
        app_secret: str,
        verify_token: str = "verify",  # noqa: S107 - made up, like everything here
        callback_url: str | None = None,
        post: Post | None = None,
        port: int = 0,
        statuses: Sequence[str] = STATUSES,
        status_delay: float = 0.0,
        chaos: Chaos | None = None,
        seed: int = 0,
        now: Callable[[], float] = time.time,
        enforce_window: bool = True,
        pair_seconds: float = 0.0,
        patience: float = RETRY_SECONDS,
    ) -> None:
        self.history = History()
        self.undelivered: list[Payload] = []
        self.statuses = tuple(statuses)
        self.chaos = chaos or Chaos()
        self.now = now
        self.enforce_window = enforce_window
        self.pair_seconds = pair_seconds
        self.patience = patience
        self.pause = 1
        self.numbers: dict[str, Number] = {}
        self._secret, self._verify_token = app_secret, verify_token
        self._callback_url, self._post = callback_url, post
        self._status_delay = status_delay
        self._rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._script: deque[Behaviour | int] = deque()
        self._people: dict[str, Person] = {}
        self._heard: dict[tuple[str, str], float] = {}
        self._reports: set[asyncio.Task[None]] = set()
        self._server = GraphServer(self, port)
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Opens the Graph API on loopback."""
        self._http = aiohttp.ClientSession(timeout=_POST_TIMEOUT)
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it; reports that are still on their way are dropped."""
        for report in self._reports:
            report.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        await self._server.stop()
        await self._http.close()

    @property
    def url(self) -> str:
        """The ``graph_url`` of accounts that shall use it."""
        return self._server.url

    def connect(self, number: Number) -> Number:
        """Makes a business number known."""
        self.numbers[number.phone_number_id] = number
        return number

    def behave(self, *behaviours: Behaviour | int) -> None:
        """Says what becomes of the next sends, one each; a number is the Graph API's error code."""
        self._script.extend(behaviours)

    # What contacts do.

    def says(self, phone_number_id: str, sender: str, text: str, **more: Any) -> Payload:
        """A contact writes; the payload is for ``deliver`` or ``signed``.

        Args:
            phone_number_id: The business number it's written to.
            sender: Phone number, or business-scoped id of someone without one.
            text: The words.
            more: As for ``sends``.
        """
        return self.sends(phone_number_id, sender, "text", {"body": text}, **more)

    def sends(
        self,
        phone_number_id: str,
        sender: str,
        kind: str,
        content: Any,
        *,
        name: str | None = None,
        at: float | None = None,
        **more: Any,
    ) -> Payload:
        """A contact sends a message of any kind, and opens the service window."""
        number, who = self._number(phone_number_id), self._meet(person(sender, name))
        when = self.now() if at is None else at
        self._heard[(phone_number_id, who.user_id)] = when
        said = payloads.message(who, kind, content, when, **more)
        return payloads.envelope(number, contacts=[who.profile()], messages=[said])

    def status(self, sent: SendReceived, name: str, at: float | None = None) -> Payload:
        """A status of an accepted send: sent, delivered, read, played, or ``failed:<code>``."""
        who = self.who(sent.to or "")
        when = self.now() if at is None else at
        told = payloads.status(sent.wamid or "", who, name, when, sent.our_id)
        return payloads.envelope(self._number(sent.phone_number_id), statuses=[told])

    def inbox(self, sender: str) -> list[SendReceived]:
        """What a contact got, in order."""
        who = person(sender).user_id
        return [sent for sent in self.history.sends() if sent.accepted and sent.to == who]

    # What the platform does.

    def signed(self, payload: Payload, *, forged: bool = False) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a webhook POST."""
        number = self.numbers.get(payloads.number_of(payload) or "")
        secret = (number.app_secret if number else None) or self._secret
        body = body_of(payload)
        return body, headers_for(body, "somebody-else" if forged else secret)

    async def deliver(self, payload: Payload, *, forged: bool = False, retry: bool = False) -> int:
        """Posts one webhook and returns the HTTP status; 0 where no answer came.

        With ``retry`` it's posted again, ever more slowly, until it's answered 200 or its ``patience`` is over.
        """
        started, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            status = await self._attempt(payload, forged)
            self.history.add(WebhookPosted(self.now(), payload, forged, attempt, status))
            over = time.monotonic() - started > self.patience
            if status == 200 or not retry or over:
                return status
            await asyncio.sleep(min(1.0, 0.05 * 2**attempt))

    async def storm(self, wave: Iterable[Payload], *, retry: bool = True) -> list[int]:
        """Posts payloads one after the other as ``chaos`` has it: doubled, shuffled, batched, forgeries among them."""
        plan = disturb(list(wave), self.chaos, self._rng)
        return [await self._carry(delivery, retry) for delivery in plan]

    async def _carry(self, delivery: Delivery, retry: bool) -> int:
        honest = not delivery.forged
        return await self.deliver(delivery.payload, forged=delivery.forged, retry=retry and honest)

    async def _attempt(self, payload: Payload, forged: bool) -> int:
        body, headers = self.signed(payload, forged=forged)
        if self._post is not None:
            return await self._post(body, headers)
        try:
            async with self._http.post(
                self._callback(payload), data=body, headers=headers
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def _callback(self, payload: Payload) -> str:
        number = self.numbers.get(payloads.number_of(payload) or "")
        url = (number.callback_url if number else None) or self._callback_url
        if url is None:
            raise LookupError("No callback URL: give one to the simulator or to the number.")
        return url

    async def subscribe(self, challenge: str = "1158201444") -> tuple[int, str]:
        """Verifies the callback as Meta does when it's saved; returns status and body."""
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": self._verify_token,
            "hub.challenge": challenge,
        }
        async with self._http.get(self._callback_url or "", params=query) as answer:
            return answer.status, await answer.text()

    # What the Graph API needs to know.

    def next_behaviour(self) -> Behaviour | int:
        """What becomes of the send that is being received."""
        return self._script.popleft() if self._script else self.chaos.behaviour(self._rng)

    def who(self, address: str) -> Person:
        """The person behind a phone number or a business-scoped id."""
        return self._people.get(address) or person(address)

    def window_open(self, phone_number_id: str, user_id: str) -> bool:
        """Whether the business may write freely to this person now."""
        heard = self._heard.get((phone_number_id, user_id))
        day = 24 * 3600
        return not self.enforce_window or (heard is not None and self.now() - heard < day)

    def too_soon(self, phone_number_id: str, user_id: str) -> bool:
        """Whether the last message to this person is too recent, where the pair rate is enforced."""
        if not self.pair_seconds:  # A long history need not be read then.
            return False
        times = [
            sent.at
            for sent in self.history.sends()
            if sent.accepted and (sent.phone_number_id, sent.to) == (phone_number_id, user_id)
        ]
        return bool(times and self.now() - times[-1] < self.pair_seconds)

    def report(self, sent: SendReceived) -> None:
        """Begins to post the statuses of an accepted send."""
        task = asyncio.get_running_loop().create_task(self._report(sent))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def report_first(self, sent: SendReceived) -> None:
        """Posts a status before the send itself is answered."""
        await self._tell(self.status(sent, "sent"))

    async def settle(self, seconds: float = 10.0) -> None:
        """Waits until all statuses were posted.

        Raises:
            TimeoutError: They weren't.
        """
        async with asyncio.timeout(seconds):
            while self._reports:
                await asyncio.gather(*self._reports)

    async def _report(self, sent: SendReceived) -> None:
        told = [self.status(sent, name) for name in self.statuses]
        for delivery in disturb(told, self.chaos, self._rng):
            await asyncio.sleep(self._status_delay + self._rng.uniform(0, self.chaos.late))
            await self._tell(delivery.payload, forged=delivery.forged)

    async def _tell(self, payload: Payload, *, forged: bool = False) -> None:
        number = self.numbers.get(payloads.number_of(payload) or "")
        if self._post or self._callback_url or (number and number.callback_url):
            await self.deliver(payload, forged=forged, retry=not forged)
        elif not forged:
            self.undelivered.append(payload)

    def _number(self, phone_number_id: str) -> Number:
        known = self.numbers.get(phone_number_id)
        # S106: made up, like everything here.
        return known or self.connect(Number(phone_number_id, access_token="token"))  # noqa: S106

    def _meet(self, who: Person) -> Person:
        for address in (who.user_id, who.phone):
            if address:
                self._people[address] = who
        return who


if __name__ == "__main__":
    from simulators._meta_main import main

    main()
