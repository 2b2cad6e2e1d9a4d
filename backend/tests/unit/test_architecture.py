"""The table of bounds says what the code and the settings do; no row may be added that isn't held against them."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from app.api import bounds, intake, wire
from app.api.app import MOST_BODY_BYTES
from app.api.oauth import asking
from app.api.v1.endpoints import webhooks
from app.bootstrap import work
from app.cli import roles
from app.core import flushes, hands, listening, multi_tenant, once, pool, resilience, room
from app.core.config import Settings
from app.core.hands import Hands
from app.core.limits_redis import RedisLimits
from app.core.resilience import LocalBreaker, RetryBudget
from app.core.resilience_redis import RedisBreaker
from app.models import idempotency
from app.schemas.knowledge import QuestionIn
from app.services import keyring
from app.services.ai import rag_engine
from app.services.ai.providers import _http
from app.services.cache import redis
from app.services.channels import _graph, _whatsapp_envelope
from app.services.keys import aws
from app.services.knowledge.embedders import local
from app.services.knowledge.parsing import Limits
from app.services.orchestrator import (
    answers,
    bursts,
    doors,
    followers,
    herald,
    library,
    mail,
    receiver,
    session_manager,
)
from app.services.queue import consumer, publisher, worker
from app.services.queue.bench import Bench
from app.services.queue.brokers.kafka import Config as Kafka
from app.utils.batching import Batcher
from app.utils.places import Places

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"


def stated() -> dict[str, str]:
    """The table: what, and its bound."""
    section = (
        ARCHITECTURE.read_text("utf-8").partition("## What is bounded")[2].partition("\n## ")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in rows[2:]}


def default(name: str) -> object:
    return Settings.model_fields[name].default


def kafka(name: str) -> float:
    return float(str(Kafka.model_fields[name].default))


def usual(function: object, name: str) -> object:
    return inspect.signature(function).parameters[name].default  # type: ignore[arg-type]


def same(told: Iterable[str]) -> str:
    [one] = set(told)
    return one


def mib(size: int) -> str:
    return f"{size / 2**20:g} MiB"


def seconds(name: str) -> str:
    return f"{int(multi_tenant._TIMEOUTS[name]) / 1000:g} s"


def in_code() -> dict[str, str]:
    """The same, as the code has it."""
    places, background = int(str(default("worker_concurrency"))), default("background_concurrency")
    bench = Bench("chat", places)
    others, caps = Hands(32), []
    for _ in range(4):
        others.take(uuid4())
        caps.append(others.cap)
    flood = uuid4()
    for _ in range(20):
        others.take(flood)
    parsing = Limits()
    question = next(
        m for m in QuestionIn.model_fields["question"].metadata if hasattr(m, "max_length")
    )
    shed = str(default("shed_seconds")).split(",")
    whole = float(str(default("answer_seconds")))
    repeats = f"{usual(RetryBudget, 'ratio') * 100:g} % and {usual(RetryBudget, 'per_second'):g} a second"  # type: ignore[operator]
    rows: dict[str, list[str]] = {
        "body: API · webhook · document · an application's form": [
            *map(mib, (MOST_BODY_BYTES, webhooks.MOST_BYTES, library.MOST_BYTES)),
            f"{asking.MOST_BODY_BYTES // 1024} kB",
        ],
        "a request's address · head": [
            f"{size // 1024} kB" for size in (bounds.MOST_ADDRESS_BYTES, bounds.MOST_HEAD_BYTES)
        ],
        "statement · lock · idle transaction": [
            seconds(f"{name}_timeout")
            for name in ("statement", "lock", "idle_in_transaction_session")
        ],
        "database connections a process · waiting for one · who wait · a flush · to the next": [
            f"{default('pool_size')} + {default('pool_overflow')}",
            f"{pool.WAIT_SECONDS:g} s",
            f"{usual(Places.__init__, 'waiting'):,}",
            f"{flushes.FLUSH_SECONDS:g} s",
            f"{flushes.PAUSE_SECONDS * 1000:g} ms",
        ],
        "jobs at once a worker: conversations · each other queue": [
            f"{places}, one client's {bench._cap}",
            f"{background}",
        ],
        "turns that compute at once · one client's alone, beside others, a flood's of n · a hand held": [
            f"{work.HANDS_A_PROCESSOR} a processor",
            {(16, 8, 8, 8): "a half, a quarter"}[tuple(caps)]
            + {32 // (2 * 5): ", half of one nth"}[others.cap_of(flood)],
            f"{hands.LONGEST_SECONDS:g} s",
        ],
        "attempts, sends that aren't heard of too · back-off · a pause that is asked for · repetitions": [
            f"{default('max_attempts')}",
            f"≤ {worker.LONGEST_BACKOFF:g} s with full jitter",
            f"≤ {worker.LONGEST_ASKED:g} s more",
            repeats,
        ],
        "lease · effect deadline · drain · a process that is to stop": [
            f"{default('lease_seconds'):g} s",
            "half of it, by the monotonic clock",
            f"{worker.DRAIN_SECONDS:g} s + {worker.RELEASE_SECONDS:g} s",
            f"{roles.STOP_SECONDS:g} s",
        ],
        "circuit: failures · pause, where one is asked for · in a process": [
            f"{usual(LocalBreaker, 'threshold')}",
            f"{usual(LocalBreaker, 'pause'):g} s, one probe for all processes, "
            f"≤ {usual(LocalBreaker, 'longest'):g} s",
            f"{resilience.MOST_CIRCUITS:,}",
        ],
        "a platform's call: connect · whole · answer · a send's silence": [
            f"{_graph.TIMEOUT.connect:g} s",
            f"{_graph.TIMEOUT.total:g} s",
            f"{_graph._ANSWER_LIMIT // 1024} kB",
            f"{default('indeterminate_seconds'):g} s",
        ],
        "an answer of: cache · limits, circuits · embedder · mail server · key service": [
            f"{redis.Config.model_fields['seconds'].default:g} s",
            same(f"{usual(one, 'seconds'):g} s" for one in (RedisLimits, RedisBreaker)),
            f"{local.Config.model_fields['answer_seconds'].default:g} s",
            f"{mail.SECONDS:g} s",
            f"{aws._SECONDS} s, twice",
        ],
        "answer: search and models together · connect · first token · size": [
            f"{whole:g} s",
            f"{_http.CONNECT_SECONDS:g} s",
            f"{whole * _http.FIRST_TOKEN_SHARE:g} s",
            f"{_http.MOST_BYTES // 1024} kB",
        ],
        "burst: quiet windows · messages · seconds": [
            f"{bursts._ASKED:g}–{bursts._OPEN:g}",
            f"{bursts.LONGEST_BURST}",
            f"{bursts.LONGEST_WAIT:g}",
        ],
        "waiting: messages of one turn · conversations of a client · messages in a process": [
            f"{session_manager.MOST_WAITING}, then the latest",
            f"{default('most_waiting'):,}, then 503",
            f"{receiver.MOST_ARRIVING:,}, then 503",
        ],
        "age from which is shed: analytics · learning · campaigns · models · intake": [
            f"{' · '.join(shed)} s"
        ],
        "idempotency key · kept": [
            f"{once.LONGEST_KEY} characters",
            f"{idempotency.KEPT_HOURS} h",
        ],
        "room on the database's disk": [
            f"{room.SHARE:.0%} or {room.MOST // 2**20} MiB free, else intake says 503".replace(
                "%", " %"
            )
        ],
        "parsing a file: time · CPU · memory · output": [
            f"{parsing.wall_seconds:g} s",
            f"{parsing.cpu_seconds:g} s",
            f"{parsing.memory // 2**20} MB",
            f"{parsing.output // 2**20} MB",
        ],
        "question · passages · updates in one webhook": [
            f"{question.max_length:,} characters",
            f"{rag_engine._PASSAGES}",
            f"{_whatsapp_envelope.MAX_UPDATES:,}",
        ],
        "a client's key in a process: looked after · unwrapped again · without key service": [
            f"{keyring.FRESH_SECONDS:g} s",
            f"{keyring.UNWRAPPED_SECONDS / 3600:g} h",
            f"{keyring.LONGEST_SECONDS / 3600:g} h",
        ],
        "opened passages in a process · after their last use": [
            f"{keyring.MOST_OPENED:,}, none longer than its client's key",
            f"{keyring.OPENED_SECONDS:g} s",
        ],
        "event log: a record until durable · on their way · taken in, published together": [
            f"{kafka('seconds'):g} s",
            f"{kafka('in_flight'):,.0f}",
            same(str(one.MOST) for one in (consumer, publisher)),
        ],
        "doors known without a database · events unpublished · tries of a record": [
            f"{doors.LONGEST_SECONDS / 3600:g} h",
            f"{publisher.LONGEST:,}",
            f"{consumer.TRIES}",
        ],
        "streams: a process · a conversation · words untold · unheard": [
            f"{followers.MOST_STREAMS:,}",
            f"{followers.MOST_OF_ONE}",
            f"{herald.MOST_UNTOLD:,}",
            f"{listening.MOST_UNHEARD:,}",
        ],
        "webhooks at once · who wait · for how long · read before that · arrivals in one write": [
            f"{intake.MOST_AT_ONCE}",
            f"{intake.MOST_WAITING:,}",
            f"{intake.LONGEST_WAIT:g} s",
            f"{wire.MOST_WHOLE // 1024} KiB",
            f"{usual(Batcher.__init__, 'most')}",
        ],
        "cached answer · earlier messages a turn reads": [
            f"{answers.RESPONSE_SECONDS / 60:g} min",
            f"{session_manager.HISTORY}",
        ],
    }
    return {what: " · ".join(bounds) for what, bounds in rows.items()}


def test_the_table_of_bounds_is_true() -> None:
    assert stated() == in_code()


def test_no_lease_ends_before_what_it_is_for() -> None:
    assert worker.DRAIN_SECONDS + worker.RELEASE_SECONDS < 10
    assert float(str(default("answer_seconds"))) < float(str(default("lease_seconds"))) / 2
    assert bursts.LONGEST_BURST < session_manager.MOST_WAITING
