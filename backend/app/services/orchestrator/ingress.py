"""Before step 1: whose events these are, and whether they may come in at all.

The URL's slug only picks which secrets a body is checked against. Whose an event is, the verified body says: by the
platform's id of the account it came in on. A body signed with the installation's shared secret may speak of any
client's accounts; one signed with a client's own secret speaks for that client alone, and what it says of others is
quarantined: kept, counted, shown, never processed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import InvalidSignature
from app.services.channels.base import Channel, WebhookRequest
from app.services.orchestrator.doors import Door, Doors
from app.services.orchestrator.intake import Intake, Signer


@dataclass(frozen=True, slots=True)
class Verified:
    """A body whose signature is right: what can read it, and whose secret it was."""

    channel: Channel
    signer: Signer


class Ingress:
    """Takes webhook calls in."""

    def __init__(self, doors: Doors, intake: Intake) -> None:
        self._doors = doors
        self._intake = intake

    def knows(self, kind: str, slug: str) -> bool:
        """Whether a call costs nothing but the check of its signature: its doors were found before."""
        return self._doors.knows(kind, slug)

    async def challenge(self, kind: str, slug: str, request: WebhookRequest) -> str:
        """Answers a platform's handshake with any of the client's accounts that knows the verify token.

        Raises:
            NotFound: There is no such client or channel.
            InvalidSignature: No account knows the token.
        """
        refusal: InvalidSignature | None = None
        for door in await self._doors.of(kind, slug):
            try:
                return door.channel.challenge(request)
            except InvalidSignature as error:
                refusal = error
        raise refusal or InvalidSignature("This client has no such channel.")

    async def admit(self, kind: str, slug: str, request: WebhookRequest) -> None:
        """Verifies and parses a webhook call, and hands it on. When this returns, it is durable.

        Raises:
            NotFound: There is no such client or channel.
            InvalidSignature: Nobody we know signed the body.
            Unavailable: It can't be written now; the platform has to come again.
        """
        verified = _verify(await self._doors.of(kind, slug), request)
        events = verified.channel.parse(request.body)
        given = request.headers.get("traceparent")
        await self._intake.take(kind, verified.signer, events, given)


def _verify(doors: Sequence[Door], request: WebhookRequest) -> Verified:
    """Finds whose secret signed the body: the shared one first, which is the same at every door, then each own one.

    Raises:
        InvalidSignature: Nobody's did.
    """
    for door in doors[:1]:
        if door.shared and _signed(door.shared, request):
            return Verified(door.shared, _signer(door, shared=True))
    for door in doors:
        if _signed(door.own, request):
            return Verified(door.own, _signer(door, shared=False))
    raise InvalidSignature


def _signed(channel: Channel, request: WebhookRequest) -> bool:
    try:
        channel.verify(request)
    except InvalidSignature:
        return False
    return True


def _signer(door: Door, *, shared: bool) -> Signer:
    return Signer(door.account.client_id, door.account.id, shared)
