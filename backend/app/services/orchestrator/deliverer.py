"""Step 3 of the journey: a reply is handed to its platform, once.

Intent is written down before the platform is called. A call whose answer was lost leaves the message
*indeterminate*: the platform's own status, which carries our id, settles it. Only when none has come for a while, in
which one could have reached us, is the message taken for not accepted, and the client's policy decides: send again, or
park it for people.
"""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from app.core.circuits import Circuits
from app.core.effects import checked
from app.core.errors import (
    AccountBlocked,
    CircuitOpen,
    Indeterminate,
    OptedOut,
    Suspended,
    Unreachable,
    UpstreamRefused,
    WafaaError,
    WindowClosed,
)
from app.core.multi_tenant import Database, TenantTx
from app.models.channel_config import ChannelAccount, ChannelConfig
from app.models.client import Client
from app.models.contact import ContactAddress
from app.models.conversation import Conversation, Owner
from app.models.dispatch import Dispatch
from app.models.job import Job
from app.models.lane import Lane
from app.models.message import Author, Message
from app.models.silence import seconds_of_silence
from app.services.channels.base import Address, Channel, Outgoing, Sent
from app.services.orchestrator.bursts import LONGEST_BURST, longest_wait
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.events import STATUS, tell
from app.services.orchestrator.jobs import DeliverMessage
from app.services.orchestrator.lateness import REASON, want_human
from app.services.orchestrator.parcels import (
    Parcel,
    is_answer,
    is_unasked,
    is_unwanted,
    outgoing,
    packed,
    window_closed,
)
from app.services.orchestrator.standing import Standings
from app.services.queue.jobs import Work

log = structlog.get_logger(__name__)

SPARED_SECONDS = (3.0, 8.0)
"""After how long a message whose account is spared is tried again: not all of them at once."""

FINAL = (WindowClosed, AccountBlocked, Unreachable, UpstreamRefused)


class Deliverer:
    """Hands messages to platforms."""

    def __init__(
        self,
        db: Database,
        channels: Channels,
        now: Callable[[], datetime],
        standings: Standings,
        circuits: Circuits,
        *,
        indeterminate_seconds: float,
        quiet_seconds: float,
        stale_seconds: float,
        max_attempts: int,
        door: str,
    ) -> None:
        self._db = db
        self._now = now
        self._channels = channels
        self._standings = standings
        self._circuits = circuits
        self._patience = indeterminate_seconds
        self._door = door
        self._stale_seconds = stale_seconds
        self._max_attempts = max_attempts
        self._longest_wait = longest_wait(quiet_seconds)

    async def deliver(self, job: DeliverMessage, work: Work) -> None:
        """Delivers one message: intent, send, outcome."""
        standing = await self._standings.of(work.client_id)
        parcel = await self._intend_plainly(job, work) if standing.is_active else None
        if parcel is None:
            async with self._db.tenant(work.client_id) as tx:
                parcel = await self._intend(tx, job, work, served=standing.is_active)
        if parcel is None:
            return None
        channel = self._channels.open(parcel.account)
        try:
            async with self._circuits.call(circuit_of(parcel.account)):
                sent = await self._send(channel, parcel.outgoing, work)
        except CircuitOpen:
            return await self._spare(job, work)
        except Indeterminate:
            return await self._lost(job, work)
        except FINAL as error:
            return await self._give_up(job, work, error)
        except WafaaError:
            await self._not_sent(job, work)
            raise
        return await self._accepted(job, work, sent)

    async def _intend_plainly(self, job: DeliverMessage, work: Work) -> Parcel | None:
        """``_intend`` in one round trip or none, for nearly every reply; None where there is more to decide."""
        found = await self._dispatch(job, work)
        return packed(found, job.message_id) if found else None

    async def _dispatch(self, job: DeliverMessage, work: Work) -> Dispatch | None:
        """What came along with the reply; else the intent is written now."""
        if work.lease.parcel:
            cipher = await self._db.cipher(work.client_id)
            return Dispatch.opened(cipher, job.message_id, work.lease.parcel)
        lease = (work.lease.fence, work.lease.job_id)
        return await Dispatch.intend(
            self._db, work.client_id, job.conversation_id, job.message_id, lease, self._stale_seconds
        )  # fmt: skip

    async def _intend(
        self, tx: TenantTx, job: DeliverMessage, work: Work, *, served: bool
    ) -> Parcel | None:
        """Writes down that the message is about to be sent; None when it isn't to be."""
        # The conversation is locked first, as everywhere; what the contact says from now on comes after this reply.
        conversation = await Conversation.get(tx, job.conversation_id, lock=True)
        message = await Message.get(tx, job.message_id, lock=True)
        await Lane.hold(tx, work.lease)
        match message.delivery_state:
            case state if not served and (state == "queued" or work.lease.parcel):
                await _settle_as(tx, work, message, "parked", Suspended())  # Nothing has gone out.
            case "queued":
                return await self._address(tx, conversation, message, work)
            case "sending" | "indeterminate":
                await self._reconcile(tx, message, work)
            case _:
                await Job.settle(tx, work.lease)  # Its status has come, or somebody took it back.
        return None

    async def _address(
        self, tx: TenantTx, conversation: Conversation, message: Message, work: Work
    ) -> Parcel | None:
        taken_over = conversation.owner == Owner.AGENT  # The assistant is silent then.
        late = await self._is_late(tx, message, work)
        if message.author == Author.ASSISTANT and (
            taken_over or late or await self._outrun(tx, message, conversation)
        ):
            if late:
                await want_human(tx, conversation.id, REASON)
            await Message.cancel(tx, message.id)
            await Conversation.unspeak(tx, conversation.id)
            await Job.settle(tx, work.lease)
            return None
        if window_closed(conversation.window_expires_at, self._now()):
            await _settle_as(tx, work, message, "parked", WindowClosed())
            return None
        if is_unasked(message) and await is_unwanted(tx, conversation, message):
            await _settle_as(tx, work, message, "failed", OptedOut())
            return None
        account = await ChannelConfig.get(tx, conversation.account_id)
        addresses = await ContactAddress.of_contact(tx, account.id, conversation.contact_id)
        original = await Message.find(tx, message.reply_to_id) if message.reply_to_id else None
        await Message.advance(tx, message.id, "sending")
        return Parcel(
            account, outgoing(message, [Address(a.kind, a.value) for a in addresses], original)
        )

    async def _is_late(self, tx: TenantTx, message: Message, work: Work) -> bool:
        """Whether it answers what was asked too long ago."""
        return is_answer(message) and await Job.age(tx, work.lease.job_id) > self._stale_seconds

    async def _outrun(self, tx: TenantTx, reply: Message, conversation: Conversation) -> bool:
        """Whether the contact said more between the draft and now: then the newer message's turn answers everything."""
        if conversation.waiting_since or conversation.last_contact_seq < reply.seq:
            return False
        return await Message.reopen(tx, reply, most=LONGEST_BURST, seconds=self._longest_wait)

    async def _send(self, channel: Channel, outgoing: Outgoing, work: Work) -> Sent:
        with checked(work.assert_mine):  # A paused worker finds out that it was replaced.
            return await channel.send(outgoing)

    async def _reconcile(self, tx: TenantTx, message: Message, work: Work) -> None:
        """An earlier attempt may have gone out: waits for the platform's word, then follows the client's policy."""
        left = self._patience - await seconds_of_silence(tx, message.id, self._door)
        if left > 0:
            await Message.advance(tx, message.id, "indeterminate")
            await Job.postpone(tx, work.lease, delay=left)
        elif await self._may_resend(tx, message, work):
            await Message.requeue(tx, message.id)
            await Job.postpone(tx, work.lease, delay=0.0)
        else:
            await _settle_as(tx, work, message, "parked", Indeterminate())

    async def _may_resend(self, tx: TenantTx, message: Message, work: Work) -> bool:
        """Whether the client wants it so, it isn't too late, and it hasn't been sent too often already."""
        if (await Client.mine(tx)).assistant.indeterminate != "resend":
            return False
        if await self._is_late(tx, message, work):
            return False
        return await Job.resent(tx, work.lease.job_id) < self._max_attempts

    async def _accepted(self, job: DeliverMessage, work: Work, sent: Sent) -> None:
        """What the platform said stays true, even when the lane has passed to another worker meanwhile."""
        lease = (work.lease.fence, work.lease.job_id)
        await Message.record_sent(
            self._db, work.client_id, job.conversation_id, job.message_id, sent.platform_message_id, lease
        )  # fmt: skip

    async def _lost(self, job: DeliverMessage, work: Work) -> None:
        log.warning("send_indeterminate", message_id=str(job.message_id))
        async with self._db.tenant(work.client_id) as tx:
            await Message.advance(tx, job.message_id, "indeterminate")
            message = await Message.get(tx, job.message_id)
            known = (
                message.delivery_state != "indeterminate"
            )  # The status was faster than our own answer.
            await (
                Job.settle(tx, work.lease)
                if known
                else Job.postpone(tx, work.lease, delay=self._patience)
            )

    async def _spare(self, job: DeliverMessage, work: Work) -> None:
        """The platform fails for this account and is given a pause: nothing went out, and that isn't an attempt."""
        async with self._db.tenant(work.client_id) as tx:
            await Message.requeue(tx, job.message_id)
            delay = random.uniform(*SPARED_SECONDS)  # noqa: S311 - chance, not secrecy.
            await Job.postpone(tx, work.lease, delay=delay)

    async def _not_sent(self, job: DeliverMessage, work: Work) -> None:
        """The platform said no, and may say yes later: the message goes back to the queue, the worker tries again."""
        async with self._db.tenant(work.client_id) as tx:
            await Message.requeue(tx, job.message_id)
            await Lane.hold(tx, work.lease)

    async def _give_up(self, job: DeliverMessage, work: Work, error: WafaaError) -> None:
        log.warning("send_refused", message_id=str(job.message_id), code=error.code)
        async with self._db.tenant(work.client_id) as tx:
            await Conversation.get(tx, job.conversation_id, lock=True)
            message = await Message.get(tx, job.message_id)
            await _settle_as(
                tx, work, message, "parked" if isinstance(error, WindowClosed) else "failed", error
            )


def circuit_of(account: ChannelAccount) -> str:
    """What fails together: sends to one platform with one account's credential."""
    return f"send:{account.kind}:{account.id}"


async def _settle_as(
    tx: TenantTx, work: Work, message: Message, state: str, error: WafaaError
) -> None:
    """Ends a delivery in a state that people see, with its reason."""
    await Message.advance(tx, message.id, state, error=f"{error.code}: {error.message}")
    data: dict[str, Any] = {"message_id": str(message.id), "state": state, "code": error.code}
    await tell(tx, message.conversation_id, STATUS, **data)
    await Job.settle(tx, work.lease)
