"""What runs beside requests: every job with its handler, and what the installation does by itself."""

import os
from typing import Any

from app.bootstrap.locations import public_url
from app.bootstrap.observer import Observer
from app.core.circuits import Circuits
from app.core.config import Settings
from app.core.hands import Hands
from app.core.multi_tenant import Database
from app.core.tools import Tools
from app.models import partition
from app.models.silence import DOOR, INTAKE
from app.services.identity.tickets import MailInvitation, MailReset, TicketOffice
from app.services.knowledge.indexer import Indexer
from app.services.orchestrator.answers import Answers
from app.services.orchestrator.attention import Attention
from app.services.orchestrator.auditing import Auditor
from app.services.orchestrator.buried import Buried
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.chat_orchestrator import ChatOrchestrator
from app.services.orchestrator.deliverer import Deliverer
from app.services.orchestrator.erasing import Eraser
from app.services.orchestrator.exporting import Exporter
from app.services.orchestrator.forgetting import Forgetter
from app.services.orchestrator.handover import StaffNotifier
from app.services.orchestrator.jobs import (
    AnswerMessage,
    BuildExport,
    DeliverMessage,
    IndexDocument,
    NotifyStaff,
    TakeRecord,
    TellQuota,
)
from app.services.orchestrator.library import Librarian
from app.services.orchestrator.mail import SmtpMailer
from app.services.orchestrator.resealing import Resealer, SealAnew
from app.services.orchestrator.session_manager import SessionManager
from app.services.orchestrator.standing import Standings
from app.services.queue.jobs import CHAT, INDEXING, NOTIFY, PROACTIVE, typed
from app.services.queue.pressure import Pressure
from app.services.queue.steps import Step

HOUR = 3600.0
HANDS_A_PROCESSOR = 3
"""Turns that compute at once: while one of them is in a worker, others are in the database and the embedder."""


def handlers(
    settings: Settings,
    db: Database,
    tools: Tools,
    answers: Answers,
    channels: Channels,
    observer: Observer,
    standings: Standings,
    circuits: Circuits,
    attention: Attention,
    pressure: Pressure,
    indexer: Indexer,
    resealer: Resealer,
    buried: Buried,
) -> dict[str, Any]:
    """Every job, and what runs it."""
    chat = ChatOrchestrator(
        db,
        SessionManager(
            db,
            quiet_seconds=settings.quiet_seconds,
            stale_seconds=60 * settings.stale_minutes,
        ),
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
        circuits,
        indeterminate_seconds=settings.indeterminate_seconds,
        quiet_seconds=settings.quiet_seconds,
        stale_seconds=60 * settings.stale_minutes,
        max_attempts=settings.max_attempts,
        door=DOOR if settings.queue_broker else INTAKE,
    )
    notifier = StaffNotifier(db, _mailer(settings), public_url(settings), settings.platform_email)
    office = TicketOffice(db, _mailer(settings), public_url(settings))
    return {
        MailInvitation.kind: typed(MailInvitation, office.invite),
        MailReset.kind: typed(MailReset, office.reset),
        AnswerMessage.kind: typed(AnswerMessage, chat.answer),
        DeliverMessage.kind: typed(DeliverMessage, deliverer.deliver),
        TakeRecord.kind: typed(TakeRecord, buried.take),
        NotifyStaff.kind: typed(NotifyStaff, notifier.notify),
        TellQuota.kind: typed(TellQuota, notifier.tell_quota),
        SealAnew.kind: typed(SealAnew, resealer.run),
        BuildExport.kind: typed(BuildExport, Exporter(db).build),
        IndexDocument.kind: typed(IndexDocument, Librarian(indexer).index),
    }


def places(settings: Settings) -> dict[str, int]:
    """How many jobs of each queue a worker runs at once."""
    background = settings.background_concurrency
    return {CHAT: settings.worker_concurrency} | dict.fromkeys(
        (NOTIFY, INDEXING, PROACTIVE), background
    )


def hands(settings: Settings) -> dict[str, Hands]:
    """How many turns a worker computes at once."""
    most = settings.worker_hands or HANDS_A_PROCESSOR * (os.cpu_count() or 1)
    return {CHAT: Hands(min(most, settings.worker_concurrency))}


def steps(db: Database, auditor: Auditor, eraser: Eraser, forgetter: Forgetter) -> tuple[Step, ...]:
    """What the installation does by itself, and how often, in seconds."""
    return (
        Step("seal_audit", 10.0, auditor.seal_all),
        Step("make_partitions", HOUR, lambda: partition.make_ahead(db)),
        Step("drop_partitions", HOUR, lambda: partition.drop_old(db)),
        Step("erase_clients", 60.0, eraser.due),
        Step("forget_old", HOUR, forgetter.all),
    )


def _mailer(settings: Settings) -> SmtpMailer | None:
    return SmtpMailer(settings.smtp_url.get_secret_value()) if settings.smtp_url else None
