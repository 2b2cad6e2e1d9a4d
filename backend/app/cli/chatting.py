"""A conversation in the terminal, through the web channel: the same steps as on a web page."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import paint, say
from app.cli.screen import Screen
from app.cli.typed import typed_lines
from app.core.errors import NotFound
from app.models.channel_config import ChannelConfig
from app.models.client import Client, ClientRef
from app.models.contact import Contact
from app.models.conversation import Conversation, Owner
from app.models.conversation_event import ConversationEvent
from app.services.channels.base import Address, EventKind, InboundEvent
from app.services.orchestrator import phrases
from app.services.orchestrator.events import event_json
from app.services.orchestrator.receiver import Account

KIND = "web"
VISITOR = "the terminal"
ANSWER_SECONDS = 60.0
"""The longest wait for an answer before the next line is read."""


def chat(slug: str | None, *, new: bool, as_json: bool) -> None:
    """Talks until the input ends."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        visitor = str(uuid4()) if new else VISITOR
        chatter = await Chatter.enter(here, client, visitor, as_json=as_json)
        async with here.at_work():
            await chatter.run()

    with_services(work, embedder=True)


@dataclass
class Chatter:
    """A visitor at a terminal."""

    here: Installation
    client: ClientRef
    account_id: UUID
    visitor: str
    screen: Screen
    conversation_id: UUID
    seq: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def enter(
        cls, here: Installation, client: ClientRef, visitor: str, *, as_json: bool
    ) -> "Chatter":
        """Opens the visitor's conversation.

        Raises:
            NotFound: The client has no web chat.
        """
        async with here.services.db.tenant(client.id) as tx:
            accounts = await ChannelConfig.of_kind(tx, KIND)
            if not accounts:
                raise NotFound(f"{client.slug} has no web chat: `wafaa channel add web`.")
            contact_id = await Contact.resolve(tx, accounts[0].id, [("visitor", visitor)], None)
            conversation_id = await Conversation.current(tx, accounts[0].id, contact_id)
            seq = (await Conversation.get(tx, conversation_id)).last_seq
        return cls(here, client, accounts[0].id, visitor, Screen(as_json), conversation_id, seq)

    async def run(self) -> None:
        """Reads lines, shows what comes back."""
        await self._greet()
        following = asyncio.create_task(self._follow())
        try:
            async for line in self._lines():
                self.answered.clear()
                await self._send(line)
                await self._wait()
        finally:
            following.cancel()

    async def _greet(self) -> None:
        if self.screen.as_json:
            return
        async with self.here.services.db.tenant(self.client.id) as tx:
            settings = (await Client.mine(tx)).assistant
        language = settings.language
        say(paint(f"{self.client.name} (conversation {self.conversation_id})", "bold"))
        say(settings.greeting.get(language) or phrases.say("greeting", language))

    async def _lines(self) -> AsyncIterator[str]:
        """What is typed, until an empty line or the end."""
        typed = typed_lines()
        while True:
            if sys.stdin.isatty() and not self.screen.as_json:
                print(paint("> ", "bold"), end="", flush=True)
            line = (await typed.get()).strip()
            if not line:
                return
            yield line

    async def _send(self, text: str) -> None:
        services = self.here.services
        message_id = str(uuid4())
        event = InboundEvent(
            event_key=f"web:{self.visitor}:{message_id}",
            account=str(self.account_id),
            kind=EventKind.MESSAGE,
            occurred_at=datetime.now(UTC),
            addresses=(Address("visitor", self.visitor),),
            platform_message_id=message_id,
            text=text,
        )
        account = Account(self.account_id, KIND, services.channels.capabilities(KIND))
        (received,) = await services.receiver.receive(
            self.client.id, account, [event], datetime.now(UTC)
        )
        if received:
            await self._go_on_in(received.conversation_id)

    async def _go_on_in(self, conversation_id: UUID) -> None:
        """A resolved conversation is followed by a new one."""
        if conversation_id != self.conversation_id:
            self.conversation_id, self.seq = conversation_id, 0

    async def _wait(self) -> None:
        """For the answer; not while a colleague has the conversation, who may take long."""
        async with self.here.services.db.tenant(self.client.id) as tx:
            owner = (await Conversation.get(tx, self.conversation_id)).owner
        if owner == Owner.AGENT:
            self.screen.aside("A colleague has this conversation and will answer here.")
            return
        try:
            await asyncio.wait_for(self.answered.wait(), ANSWER_SECONDS)
        except TimeoutError:
            self.screen.aside(
                "No answer yet. `wafaa trace MESSAGE` tells why; see `wafaa inbox read`."
            )

    async def _follow(self) -> None:
        """Shows what happens, as a page would."""
        followers = self.here.services.followers
        while True:
            with followers.follow(self.conversation_id) as news:
                found = await self._events()
                if not found:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), 1.0)

    async def _events(self) -> list[ConversationEvent]:
        async with self.here.services.db.tenant(self.client.id) as tx:
            found = await ConversationEvent.after(tx, self.conversation_id, self.seq)
        for event in found:
            self.seq = event.seq
            if self.screen.show(event.type, event_json(event)):
                self.answered.set()
        return found
