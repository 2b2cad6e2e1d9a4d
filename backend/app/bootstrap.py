"""The composition root: settings become services. The only place that knows which class stands behind which seam."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from app.core import effects, plugins
from app.core.audit_chain import HeadSigner
from app.core.clock import SteadyClock
from app.core.config import Settings
from app.core.errors import Misconfigured, Unavailable
from app.core.limits import Limits
from app.core.links import Links
from app.core.multi_tenant import APP_ROLE, Database, TenantSigner
from app.core.observability import Metrics, Part, message_processed
from app.core.once import Notary
from app.core.revision import wanted
from app.core.room import Room
from app.core.sealed_notes import SealedNotes
from app.core.sealing import Ciphers
from app.core.security import Tokens
from app.core.shared import attempts_for, breaker_for, circuit_of, limits_for
from app.core.shedding import Steps
from app.core.tools import Tools
from app.core.visits import Visits
from app.models import partition
from app.models.job import Lane
from app.services.ai.base import Provider
from app.services.ai.llm_gateway import LLMGateway
from app.services.ai.prices import Prices
from app.services.ai.rag_engine import RagEngine
from app.services.cache._sealed import SealedCache
from app.services.cache.base import Cache
from app.services.identity.credentials import Credentials
from app.services.identity.issuers import Issuers
from app.services.identity.oauth import Authority
from app.services.identity.oidc import CALLBACK, OpenIdConnect
from app.services.identity.safe import InstallationSafe
from app.services.identity.second_factor import SecondFactor
from app.services.identity.sessions import Sessions
from app.services.identity.sign_in import SignIn
from app.services.identity.signing_keys import SigningKeys
from app.services.identity.single_sign_on import SingleSignOn
from app.services.identity.tickets import MailInvitation, MailReset, TicketOffice
from app.services.keyring import Keyring
from app.services.keys.base import KeyService
from app.services.knowledge.base import Embedder, Purpose, VectorStore, model_of
from app.services.knowledge.indexer import Indexer
from app.services.knowledge.parsing import parse
from app.services.knowledge.retriever import Retriever
from app.services.orchestrator.answers import Answers
from app.services.orchestrator.attention import Attention
from app.services.orchestrator.auditing import Auditor, Heads
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.chat_orchestrator import ChatOrchestrator
from app.services.orchestrator.deliverer import Deliverer
from app.services.orchestrator.doors import Doors
from app.services.orchestrator.erasing import Eraser
from app.services.orchestrator.exporting import Exporter
from app.services.orchestrator.followers import Followers
from app.services.orchestrator.forgetting import Forgetter
from app.services.orchestrator.handover import StaffNotifier
from app.services.orchestrator.ingress import Ingress
from app.services.orchestrator.intake import DirectIntake, Intake, SparingIntake
from app.services.orchestrator.jobs import (
    AnswerMessage,
    BuildExport,
    DeliverMessage,
    IndexDocument,
    NotifyStaff,
    TellQuota,
)
from app.services.orchestrator.library import Librarian
from app.services.orchestrator.logged_intake import LoggedEvents, LoggedIntake
from app.services.orchestrator.mail import SmtpMailer
from app.services.orchestrator.origins import Origins
from app.services.orchestrator.receiver import Clockwork, Receiver
from app.services.orchestrator.resealing import Resealer, SealAnew
from app.services.orchestrator.session_manager import Reply, SessionManager
from app.services.orchestrator.standing import Standings
from app.services.queue.base import TOPICS, EventLog
from app.services.queue.consumer import Consumer
from app.services.queue.jobs import CHAT, INDEXING, NOTIFY, PROACTIVE, Worker, typed
from app.services.queue.pressure import Pressure
from app.services.queue.producer import Producer
from app.services.queue.publisher import Publisher
from app.services.queue.steps import Scheduler, Step
from app.utils import ids

ISSUER = "wafaa"
HOUR = 3600.0
PROVIDERS = "app.services.ai.providers"
LATE_SECONDS = 60.0
"""Work older than this means that nobody works."""


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
        await self.db.refuse_strong_role()
        found = await self.db.revision()
        if found != wanted():
            raise Misconfigured(
                f"The database is at revision {found}, not {wanted()}. Run `wafaa migrate`."
            )
        # With a log in front, what platforms say reaches the database by whoever reads it.
        self.followers.open(serving=serving and self.event_log is None)
        self.pressure.open()

    async def close(self) -> None:
        """Lets go of everything."""
        self.followers.close()
        self.pressure.close()
        for adapter in self.adapters:
            if close := getattr(adapter, "close", getattr(adapter, "aclose", None)):
                await close()
        await self.tools.http.close()
        await self.limits.aclose()
        await self.sign_in.attempts.aclose()
        await self.db.close()
        self.metrics.close()


class Observer:
    """Turns what happens into figures and log events."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def received(self, client_id: UUID, channel: str, messages: int) -> None:
        """New messages were written."""
        for _ in range(messages):
            self._metrics.message(client_id, channel, "in")

    def refused(self, client_id: UUID, code: str, events: int) -> None:
        """Events were kept unprocessed."""
        for _ in range(events):
            self._metrics.error(client_id, code)

    def searched(self, store: str) -> Callable[[UUID, float], None]:
        """Who is told how long searches in a vector store take."""
        return lambda client_id, seconds: self._metrics.vector_search(client_id, store, seconds)

    def taken_in(self, records: int, age_seconds: float) -> None:
        """Records of the event log were taken in."""
        self._metrics.log_age(age_seconds)

    def outbox(self, events: int, oldest_seconds: float) -> None:
        """Events wait to be published."""
        self._metrics.outbox(events, oldest_seconds)

    def unpublished(self, events: int) -> None:
        """Events were forgotten before the event log had them."""
        self._metrics.error(None, "unpublished", events)

    def buried(self, code: str) -> None:
        """A record became a dead letter."""
        self._metrics.error(None, f"buried_{code}")

    def job_failed(self, client_id: UUID, kind: str, code: str, *, parked: bool) -> None:
        """A job failed."""
        self._metrics.error(client_id, f"parked_{kind}" if parked else code)

    def message_processed(
        self, client_id: UUID, channel: str, seconds: float, reply: Reply
    ) -> None:
        """A message was answered."""
        self._metrics.message(client_id, channel, "out")
        self._metrics.tokens(client_id, reply.model, "input", reply.tokens.input)
        self._metrics.tokens(client_id, reply.model, "output", reply.tokens.output)
        message_processed(
            self._metrics, client_id=client_id, channel=channel, response_time_ms=seconds * 1000
        )


def app_url(settings: Settings) -> str:
    """How the product itself signs in to the database.

    Raises:
        Misconfigured: There is no database.
    """
    if settings.database_url is None:
        raise Misconfigured("There is no DATABASE_URL. `wafaa up` brings a database along.")
    return _as_app(settings, settings.database_url.get_secret_value())


def direct_url(settings: Settings) -> str | None:
    """The same past a pooler, where there is one."""
    url = settings.direct_database_url
    return _as_app(settings, url.get_secret_value()) if url else None


def _as_app(settings: Settings, url: str) -> str:
    if settings.admin_database_url is not None:
        return url
    return Database.as_role(url, APP_ROLE, settings.app_database_password.get_secret_value())


def owner_url(settings: Settings) -> str:
    """How migrations sign in.

    Raises:
        Misconfigured: There is no database.
    """
    url = settings.admin_database_url or settings.direct_database_url or settings.database_url
    if url is None:
        raise Misconfigured("There is no DATABASE_URL. `wafaa up` brings a database along.")
    return url.get_secret_value()


def signer(settings: Settings, clock: SteadyClock | None = None) -> TenantSigner:
    """Signs tenant tokens."""
    return TenantSigner(settings.tenant_key.get_secret_value(), clock)


def make_tools(clock: SteadyClock, *, calls: int = 100) -> Tools:
    """What adapters may use; made inside a running event loop, and closed by who made it.

    Args:
        clock: The process's.
        calls: How many go out at once, a hundred at least.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max(100, calls)),
        timeout=aiohttp.ClientTimeout(total=30),
        trace_configs=[effects.tracing()],
    )
    return Tools(http=session, now=clock.now)


def bootstrap(settings: Settings, *, metrics_directory: Path | None = None) -> Services:
    """Builds the services; call it inside a running event loop, then ``open`` and at the end ``close`` them."""
    clock = SteadyClock()
    ids.use_clock(clock.seconds)
    metrics = Metrics(metrics_directory or settings.home / "metrics")
    observer = Observer(metrics)
    db = Database.connect(
        app_url(settings),
        signer(settings, clock),
        size=settings.pool_size,
        overflow=settings.pool_overflow,
        direct=direct_url(settings),
    )
    tools = make_tools(clock, calls=2 * settings.worker_concurrency)
    service = key_service(settings, tools)
    keyless = db
    keyring = Keyring(keyless, service)
    db = keyless.sealed_with(keyring)
    cache = _cache(settings, tools)
    embedder = _embedder(settings, tools)
    store = _store(settings, db, embedder, tools)
    breaker = breaker_for(settings)
    standings = Standings(db)
    retriever = Retriever(
        db,
        embedder,
        store,
        observer.searched(settings.vector_db_provider),
        standings.permit,
    )
    engine = RagEngine(
        retriever,
        LLMGateway(
            _providers(settings, tools),
            breaker=breaker,
            circuits=_circuits(settings),
            seconds=settings.answer_seconds,
        ),
        standings.permit,
    )
    sealed = SealedCache(cache)
    answers = Answers(db, engine, keyring, sealed, metrics, _models(settings), standings)
    channels = Channels(tools, _shared_credentials(settings))
    room = Room(_database_disk(settings))
    pressure = Pressure(
        db, Steps.parse(settings.shed_seconds), metrics, most_waiting=settings.most_waiting
    )
    clockwork = Clockwork(settings.quiet_seconds, _minutes(settings.stale_minutes))
    receiver = Receiver(db, keyring, clockwork, room)
    attention = Attention(db, followers := Followers(db))
    handlers = _handlers(
        settings,
        db,
        tools,
        answers,
        channels,
        observer,
        standings,
        attention,
        pressure,
        Indexer(db, embedder, store, parse, standings.permit),
        Resealer(db, keyring),
    )
    worker = Worker(
        db,
        handlers,
        observer,
        pressure,
        places=_places(settings),
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
    event_log = event_log_for(settings, tools)
    doors = Doors(db, channels, outlive=event_log is not None)
    direct = DirectIntake(db, doors, channels, receiver, tools, observer)
    tokens = Tokens(settings.jwt_secret_key.get_secret_value(), ISSUER, clock.seconds)
    sessions = Sessions(db)
    auditor = _auditor(settings, keyless)
    eraser = Eraser(db, keyless, keyring, cache, store)
    signing_keys = SigningKeys(db, InstallationSafe(service), public_url(settings), clock.seconds)
    attempts = attempts_for(settings)
    return Services(
        settings=settings,
        db=db,
        keyring=keyring,
        cache=cache,
        limits=limits_for(settings),
        tools=tools,
        tokens=tokens,
        sessions=sessions,
        signing_keys=signing_keys,
        authority=Authority(db, signing_keys, clock.seconds),
        credentials=Credentials.over(db, tokens, sessions, signing_keys),
        single_sign_on=_single_sign_on(settings, db),
        sign_in=SignIn(db, attempts, SecondFactor(db, attempts)),
        visits=Visits(settings.jwt_secret_key.get_secret_value()),
        notary=Notary(settings.jwt_secret_key.get_secret_value()),
        metrics=metrics,
        channels=channels,
        origins=Origins(db, settings.public_url),
        receiver=receiver,
        followers=followers,
        ingress=Ingress(doors, _intake(settings, event_log, keyring, doors, direct, pressure)),
        retriever=retriever,
        answers=answers,
        standings=standings,
        prices=Prices.parse(settings.prices),
        pressure=pressure,
        worker=worker,
        auditor=auditor,
        exporter=Exporter(db),
        eraser=eraser,
        links=Links(settings.jwt_secret_key.get_secret_value(), clock.seconds),
        scheduler=Scheduler(db, _steps(db, auditor, eraser, Forgetter(keyless))),
        event_log=event_log,
        consumer=_consumer(event_log, keyring, direct, observer),
        publisher=Publisher(db, event_log, observer) if event_log else None,
        parts=_parts(settings, db, cache, embedder, event_log, room, pressure),
        adapters=(embedder, cache, breaker, event_log),
    )


def event_log_for(settings: Settings, tools: Tools) -> EventLog | None:
    """The event log, where one is wanted."""
    if settings.queue_broker is None:
        return None
    log: EventLog = _adapter(settings, "app.services.queue.brokers", settings.queue_broker, tools)
    return log


def _consumer(
    event_log: EventLog | None, ciphers: Ciphers, direct: DirectIntake, observer: Observer
) -> Consumer | None:
    if event_log is None:
        return None
    return Consumer(event_log, ciphers, LoggedEvents(direct).take, observer)


async def prepare_event_log(settings: Settings) -> list[str]:
    """Makes the topics that are missing, where there is an event log, and names them.

    Raises:
        Misconfigured: The log refuses.
        Unavailable: It can't be reached.
    """
    async with aiohttp.ClientSession() as http:
        event_log = event_log_for(settings, Tools(http, SteadyClock().now))
        return await event_log.prepare(TOPICS) if event_log else []


def _intake(
    settings: Settings,
    event_log: EventLog | None,
    ciphers: Ciphers,
    doors: Doors,
    direct: DirectIntake,
    pressure: Pressure,
) -> Intake:
    """Where webhooks go: into the log where there is one, else straight into the database."""
    if event_log is None:
        return SparingIntake(direct, doors, pressure)
    patience = settings.log_patience_seconds
    return LoggedIntake(Producer(event_log, ciphers), doors, direct, patience=patience)


def _handlers(
    settings: Settings,
    db: Database,
    tools: Tools,
    answers: Answers,
    channels: Channels,
    observer: Observer,
    standings: Standings,
    attention: Attention,
    pressure: Pressure,
    indexer: Indexer,
    resealer: Resealer,
) -> dict[str, Any]:
    """Every job, and what runs it."""
    chat = ChatOrchestrator(
        db,
        SessionManager(db, quiet_seconds=settings.quiet_seconds),
        answers,
        observer,
        standings,
        attention,
        pressure,
        capabilities=channels.capabilities,
        quiet_seconds=settings.quiet_seconds,
        max_attempts=settings.max_attempts,
    )
    deliverer = Deliverer(
        db,
        channels,
        tools.now,
        standings,
        indeterminate_seconds=settings.indeterminate_seconds,
        quiet_seconds=settings.quiet_seconds,
    )
    notifier = StaffNotifier(db, _mailer(settings), public_url(settings), settings.platform_email)
    office = TicketOffice(db, _mailer(settings), public_url(settings))
    return {
        MailInvitation.kind: typed(MailInvitation, office.invite),
        MailReset.kind: typed(MailReset, office.reset),
        AnswerMessage.kind: typed(AnswerMessage, chat.answer),
        DeliverMessage.kind: typed(DeliverMessage, deliverer.deliver),
        NotifyStaff.kind: typed(NotifyStaff, notifier.notify),
        TellQuota.kind: typed(TellQuota, notifier.tell_quota),
        SealAnew.kind: typed(SealAnew, resealer.run),
        BuildExport.kind: typed(BuildExport, Exporter(db).build),
        IndexDocument.kind: typed(IndexDocument, Librarian(indexer).index),
    }


def _places(settings: Settings) -> dict[str, int]:
    """How many jobs of each queue a worker runs at once."""
    background = settings.background_concurrency
    return {CHAT: settings.worker_concurrency} | dict.fromkeys(
        (NOTIFY, INDEXING, PROACTIVE), background
    )


def _steps(
    db: Database, auditor: Auditor, eraser: Eraser, forgetter: Forgetter
) -> tuple[Step, ...]:
    """What the installation does by itself, and how often, in seconds."""
    return (
        Step("seal_audit", 10.0, auditor.seal_all),
        Step("make_partitions", HOUR, lambda: partition.make_ahead(db)),
        Step("drop_partitions", HOUR, lambda: partition.drop_old(db)),
        Step("erase_clients", 60.0, eraser.due),
        Step("forget_old", HOUR, forgetter.all),
    )


def heads_file(settings: Settings) -> Path:
    """Where the heads of audit logs are kept beside the database."""
    return settings.home / "audit-heads.jsonl"


def _auditor(settings: Settings, db: Database) -> Auditor:
    signer = HeadSigner(settings.master_key.get_secret_value())
    return Auditor(db, signer, Heads(heads_file(settings), signer))


def public_url(settings: Settings) -> str:
    """How people reach this installation."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def embed_socket(settings: Settings) -> Path:
    """Where the embedding server of this host listens."""
    return settings.home / "embed.sock"


def _single_sign_on(settings: Settings, db: Database) -> SingleSignOn:
    oidc = OpenIdConnect(Issuers(settings.identity_networks), f"{public_url(settings)}{CALLBACK}")
    notes = SealedNotes(settings.jwt_secret_key.get_secret_value(), "single sign-on")
    return SingleSignOn(db, oidc, notes)


def _adapter(settings: Settings, package: str, name: str, tools: Tools, **known: Any) -> Any:
    """Makes an adapter by its name; its config comes from what is known here, else from the environment."""
    module = plugins.load(package, name)
    config = module.Config(**known) if known else settings.adapter(name, module.Config)
    return module.adapter(config, tools)


def key_service(settings: Settings, tools: Tools) -> KeyService:
    """Who holds the key that clients' keys are wrapped with."""
    known: dict[str, Any] = {}
    if settings.key_service == "file":
        path = settings.key_file or settings.home / "master.keys"
        known = {"master_key": settings.master_key, "path": path}
    service: KeyService = _adapter(
        settings, "app.services.keys", settings.key_service, tools, **known
    )
    return service


def _embedder(settings: Settings, tools: Tools) -> Embedder:
    known: dict[str, Any] = (
        {"socket": embed_socket(settings)} if settings.embedder == "local" else {}
    )
    embedder: Embedder = _adapter(
        settings, "app.services.knowledge.embedders", settings.embedder, tools, **known
    )
    return embedder


def _cache(settings: Settings, tools: Tools) -> Cache:
    """Redis where there is one, else this process's own memory."""
    package = "app.services.cache"
    if settings.redis_url is None:
        memory: Cache = _adapter(settings, package, "memory", tools)
        return memory
    redis: Cache = _adapter(settings, package, "redis", tools, url=settings.redis_url)
    return redis


def _store(settings: Settings, db: Database, embedder: Embedder, tools: Tools) -> VectorStore:
    name = settings.vector_db_provider
    known = {"database": db, "model": model_of(embedder)} if name == "postgres" else {}
    store: VectorStore = _adapter(settings, "app.services.knowledge.stores", name, tools, **known)
    return store


def _providers(settings: Settings, tools: Tools) -> list[Provider]:
    """The language models in order of preference. The extractive one is always last: it can't fail."""
    names = _provider_names(settings)
    return [_adapter(settings, PROVIDERS, name, tools) for name in names]


def _provider_names(settings: Settings) -> list[str]:
    names = [name.strip() for name in settings.llm_providers.split(",") if name.strip()]
    return [*(name for name in names if name != "extractive"), "extractive"]


def _circuits(settings: Settings) -> dict[str, str]:
    """What fails together: each provider with the credential and the address that it is asked with."""
    configs = {
        n: settings.adapter(n, plugins.load(PROVIDERS, n).Config) for n in _provider_names(settings)
    }
    return {name: circuit_of(name, config) for name, config in configs.items()}


def _models(settings: Settings) -> str:
    """What answers depend on beside words: which models are asked, in which order."""
    return f"{settings.llm_providers} {settings.embedder}"


def _shared_credentials(settings: Settings) -> dict[str, dict[str, Any]]:
    """The installation's own credentials at platforms, for accounts that bring none."""
    secret = settings.meta_app_secret
    return {"whatsapp": {"app_secret": secret.get_secret_value()}} if secret else {}


def _mailer(settings: Settings) -> SmtpMailer | None:
    return SmtpMailer(settings.smtp_url.get_secret_value()) if settings.smtp_url else None


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def _database_disk(settings: Settings) -> Path | None:
    """Where the embedded database keeps its files; None where the database is somebody else's care."""
    files = settings.home / "postgres"
    return files if files.is_dir() else None


def _parts(
    settings: Settings,
    db: Database,
    cache: Cache,
    embedder: Embedder,
    event_log: EventLog | None,
    room: Room,
    pressure: Pressure,
) -> tuple[Part, ...]:
    """What must be well for the installation to be."""

    async def disk() -> str:
        room.require()
        return "has room"

    async def database() -> str:
        await db.ping()
        return "answers"

    async def worker() -> str:
        async with db.directory() as tx:
            backlog = await Lane.backlog(tx)
        oldest = max((age for _, age in backlog.values()), default=0.0)
        if oldest > LATE_SECONDS:
            raise Unavailable(f"The oldest work waits for {oldest:.0f} s.")
        return f"{sum(count for count, _ in backlog.values())} lanes due"

    async def embed() -> str:
        await embedder.embed(["ready?"], Purpose.QUERY)
        return embedder.name

    async def cached() -> str:
        await cache.put("ready", b"1", 10)
        if await cache.get("ready") != b"1":
            raise Unavailable("The cache doesn't keep what it is given.")
        return "keeps"

    async def load() -> str:
        return pressure.summary

    return (
        Part("database", database),
        Part("disk", disk),
        Part("worker", worker, needed=False),  # Whoever still takes messages in is needed the more.
        Part("embedder", embed),
        Part("cache", cached, needed=False),
        *([Part("event log", event_log.ping, needed=False)] if event_log else []),
        Part("load", load, needed=False),
    )
