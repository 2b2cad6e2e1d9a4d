"""What stands behind the endpoints, the workers and the command line."""

from dataclasses import dataclass

from app.core.config import Settings
from app.core.errors import Misconfigured
from app.core.limits import Limits
from app.core.links import Links
from app.core.multi_tenant import Database
from app.core.observability import Metrics, Part
from app.core.once import Notary
from app.core.revision import wanted
from app.core.security import Tokens
from app.core.tools import Tools
from app.core.visits import Visits
from app.core.weak_role import refuse_strong_role
from app.models.silence import DOOR, INTAKE
from app.services.ai.prices import Prices
from app.services.cache.base import Cache
from app.services.identity.credentials import Credentials
from app.services.identity.oauth import Authority
from app.services.identity.sessions import Sessions
from app.services.identity.sign_in import SignIn
from app.services.identity.signing_keys import SigningKeys
from app.services.identity.single_sign_on import SingleSignOn
from app.services.keyring import Keyring
from app.services.knowledge.retriever import Retriever
from app.services.orchestrator.answers import Answers
from app.services.orchestrator.auditing import Auditor
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.doors import Doors
from app.services.orchestrator.erasing import Eraser
from app.services.orchestrator.exporting import Exporter
from app.services.orchestrator.followers import Followers
from app.services.orchestrator.ingress import Ingress
from app.services.orchestrator.origins import Origins
from app.services.orchestrator.processing import Surroundings
from app.services.orchestrator.receiver import Receiver
from app.services.orchestrator.standing import Standings
from app.services.queue.base import EventLog
from app.services.queue.consumer import Consumer
from app.services.queue.pressure import Pressure
from app.services.queue.publisher import Publisher
from app.services.queue.steps import Scheduler
from app.services.queue.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that stands behind the endpoints, the workers and the command line."""

    settings: Settings
    db: Database
    keyring: Keyring
    cache: Cache
    limits: Limits
    tools: Tools
    tokens: Tokens
    signing_keys: SigningKeys
    credentials: Credentials
    authority: Authority
    sessions: Sessions
    sign_in: SignIn
    single_sign_on: SingleSignOn
    visits: Visits
    notary: Notary
    metrics: Metrics
    channels: Channels
    origins: Origins
    receiver: Receiver
    doors: Doors
    ingress: Ingress
    followers: Followers
    retriever: Retriever
    answers: Answers
    standings: Standings
    prices: Prices
    pressure: Pressure
    worker: Worker
    auditor: Auditor
    exporter: Exporter
    eraser: Eraser
    links: Links
    surroundings: Surroundings
    scheduler: Scheduler
    event_log: EventLog | None
    consumer: Consumer | None
    publisher: Publisher | None
    parts: tuple[Part, ...]
    adapters: tuple[object, ...]

    async def open(self, *, serving: bool = False) -> None:
        """Checks that it is safe to work, and begins to listen.

        Args:
            serving: Whether platforms reach this process.

        Raises:
            Misconfigured: The database's role is too strong, or its revision isn't this code's.
        """
        await refuse_strong_role(self.db)
        found = await self.db.revision()
        if found != wanted():
            raise Misconfigured(
                f"The database is at revision {found}, not {wanted()}. Run `wafaa migrate`."
            )
        # With a log in front, what platforms say reaches the database by whoever reads it.
        open_door = INTAKE if self.event_log is None else DOOR
        self.followers.open(open_door if serving else "wafaa")
        self.pressure.open()
        if serving:
            self.doors.open()

    async def close(self) -> None:
        """Lets go of everything."""
        self.followers.close()
        self.doors.close()
        self.pressure.close()
        for adapter in self.adapters:
            if close := getattr(adapter, "close", getattr(adapter, "aclose", None)):
                await close()
        await self.tools.http.close()
        await self.limits.aclose()
        await self.sign_in.attempts.aclose()
        await self.db.close()
        self.metrics.close()
