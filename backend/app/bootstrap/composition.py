"""The composition root: settings become services."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from app.bootstrap.adapters import (
    cache_for,
    circuits_for,
    embedder_for,
    event_log_for,
    key_service,
    make_tools,
    providers_for,
    shared_credentials,
    store_for,
)
from app.bootstrap.locations import (
    app_url,
    database_disk,
    direct_url,
    heads_file,
    public_url,
    signer,
)
from app.bootstrap.observer import Observer
from app.bootstrap.parts import parts
from app.bootstrap.services import Services
from app.bootstrap.work import handlers, hands, places, steps
from app.core.audit_chain import HeadSigner
from app.core.circuits import Circuits, Trusting
from app.core.clock import SteadyClock
from app.core.config import Settings
from app.core.links import Links
from app.core.multi_tenant import Database
from app.core.observability import Metrics
from app.core.once import Notary
from app.core.room import Room
from app.core.sealed_notes import SealedNotes
from app.core.sealing import Ciphers
from app.core.security import Tokens
from app.core.shared import attempts_for, breaker_for, limits_for
from app.core.shedding import Steps
from app.core.visits import Visits
from app.services.ai.base import Provider
from app.services.ai.llm_gateway import LLMGateway
from app.services.ai.prices import Prices
from app.services.ai.rag_engine import RagEngine
from app.services.cache._sealed import SealedCache
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
from app.services.keyring import Keyring
from app.services.knowledge.base import Embedder
from app.services.knowledge.indexer import Indexer
from app.services.knowledge.parsing import parse
from app.services.knowledge.retriever import Retriever
from app.services.orchestrator.answers import Answers
from app.services.orchestrator.attention import Attention
from app.services.orchestrator.auditing import Auditor, Heads
from app.services.orchestrator.buried import Buried
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.doors import Doors
from app.services.orchestrator.erasing import Eraser
from app.services.orchestrator.exporting import Exporter
from app.services.orchestrator.followers import Followers
from app.services.orchestrator.forgetting import Forgetter
from app.services.orchestrator.ingress import Ingress
from app.services.orchestrator.intake import DirectIntake, Intake, SparingIntake
from app.services.orchestrator.logged_intake import LoggedEvents, LoggedIntake
from app.services.orchestrator.origins import Origins
from app.services.orchestrator.processing import Surroundings
from app.services.orchestrator.receiver import Clockwork, Receiver
from app.services.orchestrator.resealing import Resealer
from app.services.orchestrator.session_manager import HISTORY, MOST_WAITING
from app.services.orchestrator.standing import Standings
from app.services.queue.base import EventLog
from app.services.queue.consumer import Consumer
from app.services.queue.pressure import Pressure
from app.services.queue.producer import Producer
from app.services.queue.publisher import Publisher
from app.services.queue.steps import Scheduler
from app.services.queue.worker import Worker
from app.utils import ids

ISSUER = "wafaa"


def bootstrap(
    settings: Settings, *, metrics_directory: Path | None = None, background: bool = False
) -> Services:
    """Builds the services; call it inside a running event loop, then ``open`` and at the end ``close`` them.

    Args:
        settings: The installation's.
        metrics_directory: Where processes add up their figures; the installation's when absent.
        background: Whether what others ask of the database goes first.
    """
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
        background=background,
    )
    tools = make_tools(clock, calls=2 * settings.worker_concurrency)
    service = key_service(settings, tools)
    keyless = db
    keyring = Keyring(keyless, service)
    db = keyless.sealed_with(keyring)
    cache = cache_for(settings, tools)
    embedder = embedder_for(settings, tools)
    store = store_for(settings, db, embedder, tools)
    breaker = breaker_for(settings)
    trusting = Trusting(breaker)
    standings = Standings(db)
    models = providers_for(settings, tools)
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
            models,
            breaker=trusting,
            circuits=circuits_for(settings),
            seconds=settings.answer_seconds,
        ),
        standings.permit,
    )
    sealed = SealedCache(cache)
    answers = Answers(db, engine, keyring, sealed, metrics, _models(settings), standings)
    channels = Channels(tools, shared_credentials(settings))
    room = Room(database_disk(settings))
    pressure = Pressure(
        db, Steps.parse(settings.shed_seconds), metrics, most_waiting=settings.most_waiting
    )
    clockwork = Clockwork(settings.quiet_seconds, _minutes(settings.stale_minutes))
    receiver = Receiver(db, keyring, clockwork, room, followers := Followers(db))
    attention = Attention(db, followers)
    event_log = event_log_for(settings, tools)
    doors = Doors(db, channels, outlive=event_log is not None)
    direct = DirectIntake(db, doors, channels, receiver, tools, observer)
    buried = Buried(db, LoggedEvents(direct).take)
    worker = Worker(
        db,
        handlers(
            settings,
            db,
            tools,
            answers,
            channels,
            observer,
            standings,
            Circuits(trusting),
            attention,
            pressure,
            Indexer(db, embedder, store, parse, standings.permit),
            Resealer(db, keyring),
            buried,
        ),
        observer,
        pressure,
        places=places(settings),
        hands=hands(settings),
        brings=(MOST_WAITING, HISTORY),
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
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
        doors=doors,
        ingress=Ingress(
            doors, _intake(settings, event_log, keyring, doors, direct, pressure, followers)
        ),
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
        surroundings=_surroundings(settings, models, embedder),
        scheduler=Scheduler(db, steps(db, auditor, eraser, Forgetter(keyless))),
        event_log=event_log,
        consumer=_consumer(event_log, keyring, direct, buried, observer),
        publisher=Publisher(db, event_log, observer) if event_log else None,
        parts=parts(settings, db, cache, embedder, event_log, room, pressure),
        adapters=(embedder, cache, breaker, event_log),
    )


def _surroundings(
    settings: Settings, models: Sequence[Provider], embedder: Embedder
) -> Surroundings:
    """What a record of processing names beside the client's own."""
    mail = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
    return Surroundings(
        operator=settings.platform_email,
        url=public_url(settings),
        models=models,
        embedder=embedder,
        mail_server=urlsplit(mail).hostname,
        key_service=settings.key_service if settings.key_service != "file" else None,
        event_log=settings.queue_broker,
    )


def _models(settings: Settings) -> str:
    """What answers depend on beside words: which models are asked, in which order."""
    return f"{settings.llm_providers} {settings.embedder}"


def _auditor(settings: Settings, db: Database) -> Auditor:
    signer = HeadSigner(settings.master_key.get_secret_value())
    return Auditor(db, signer, Heads(heads_file(settings), signer))


def _single_sign_on(settings: Settings, db: Database) -> SingleSignOn:
    oidc = OpenIdConnect(Issuers(settings.identity_networks), f"{public_url(settings)}{CALLBACK}")
    notes = SealedNotes(settings.jwt_secret_key.get_secret_value(), "single sign-on")
    return SingleSignOn(db, oidc, notes)


def _intake(
    settings: Settings,
    event_log: EventLog | None,
    ciphers: Ciphers,
    doors: Doors,
    direct: DirectIntake,
    pressure: Pressure,
    followers: Followers,
) -> Intake:
    """Where webhooks go: into the log where there is one, else straight into the database."""
    if event_log is None:
        return SparingIntake(direct, doors, pressure)
    patience = settings.log_patience_seconds
    return LoggedIntake(Producer(event_log, ciphers), doors, direct, followers, patience=patience)


def _consumer(
    event_log: EventLog | None,
    ciphers: Ciphers,
    direct: DirectIntake,
    buried: Buried,
    observer: Observer,
) -> Consumer | None:
    if event_log is None:
        return None
    return Consumer(event_log, ciphers, LoggedEvents(direct).take, buried.keep, observer)


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)
