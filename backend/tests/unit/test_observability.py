"""Logs say what helps and nothing that harms; metrics of all processes are shown by one."""

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.core.errors import NotFound, UpstreamUnavailable
from app.core.logs import REFUSED_FIELDS, TEXT_FIELDS, UnsafeField
from app.core.metrics import FORMAT
from app.core.observability import (
    Metrics,
    Part,
    check_parts,
    configure_logging,
    get_logger,
    log_context,
    message_processed,
)
from app.utils.tenant_context import TenantContext

CLIENT = UUID("01890000-0000-7000-8000-000000000001")
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """Configures logging into memory; gives the lines."""
    stream = io.StringIO()
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure_logging(stream=stream, strict=getattr(request, "param", False))
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


def test_the_specifications_event_has_its_fields(logged: Lines) -> None:
    message_processed(Metrics(), client_id=CLIENT, channel="whatsapp", response_time_ms=125.4)
    (line,) = logged()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "message_processed",
        "level": "info",
        "client_id": str(CLIENT),
        "channel": "whatsapp",
        "response_time_ms": 125,
    }


def test_client_and_request_come_by_themselves(logged: Lines) -> None:
    token = TenantContext.set_tenant(CLIENT)
    with log_context(request_id="r-1"):
        get_logger().info("message_received")
    TenantContext.reset(token)
    get_logger().info("message_received")
    inside, outside = logged()
    assert (inside["client_id"], inside["request_id"]) == (str(CLIENT), "r-1")
    assert "client_id" not in outside
    assert "request_id" not in outside


class Kind(StrEnum):
    TEXT = "text"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("attempts", 3, 3),
        ("ratio", 0.5, 0.5),
        ("ok", True, True),
        ("missing", None, None),
        ("message_id", CLIENT, str(CLIENT)),
        ("platform_message_id", "wamid.x", "wamid.x"),
        ("took", timedelta(seconds=2), 2.0),
        ("anything", Kind.TEXT, "text"),
        ("model", "gpt-4o", "gpt-4o"),
        ("parts", [1, 2], [1, 2]),
        ("reason", "x" * 500, "x" * 200 + "…"),
    ],
)
def test_what_is_harmless_is_shown(logged: Lines, field: str, value: object, shown: object) -> None:
    get_logger().info("seen", **{field: value})
    assert logged()[0][field] == shown


HARMFUL = [
    *((name, "متى تفتحون؟ secret-canary") for name in sorted(REFUSED_FIELDS)),
    *((name, 966501234567) for name in ("phone", "address", "token")),
    ("whatever", "secret-canary"),
    ("whatever", ["secret-canary"]),
    ("whatever", {"a": "secret-canary"}),
    ("model", SecretStr("secret-canary")),
    ("model", b"secret-canary"),
    ("model", object()),
    ("model", ("secret", {"b": "secret-canary"})),
]


@pytest.mark.parametrize(("field", "value"), HARMFUL)
def test_what_might_harm_is_withheld(logged: Lines, field: str, value: object) -> None:
    get_logger().info("seen", **{field: value})
    line = json.dumps(logged()[0], ensure_ascii=False)
    assert "[withheld]" in line
    assert "canary" not in line
    assert "966501234567" not in line


@pytest.mark.parametrize("logged", [True], indirect=True)
@pytest.mark.parametrize(("field", "value"), HARMFUL)
def test_and_is_refused_where_logging_is_strict(logged: Lines, field: str, value: object) -> None:
    with pytest.raises(UnsafeField, match=field):
        get_logger().info("seen", **{field: value})
    assert logged() == []


@pytest.mark.parametrize("logged", [True], indirect=True)
@pytest.mark.parametrize("field", ["level", "timestamp"])
def test_a_field_that_would_be_overwritten_is_refused(logged: Lines, field: str) -> None:
    with pytest.raises(UnsafeField, match=field):
        get_logger().info("seen", **{field: 5})
    assert logged() == []


def test_no_name_is_both_allowed_and_refused() -> None:
    assert not TEXT_FIELDS & REFUSED_FIELDS


def _insert() -> None:
    raise ValueError("DETAIL: Key (email)=(sara@cafe.example) already exists")


def _fail() -> None:
    try:
        _insert()
    except ValueError as error:
        raise NotFound("There is no such conversation.") from error


def test_an_exception_is_told_by_type_and_place_not_by_its_words(logged: Lines) -> None:
    try:
        _fail()
    except NotFound:
        get_logger().exception("answer_failed")
    (line,) = logged()
    outer, inner = line["exception"]
    assert (outer["type"], outer["code"]) == ("NotFound", "not_found")
    assert inner["type"] == "ValueError"
    assert "sara" not in json.dumps(line)
    assert any("_fail" in place for place in inner["at"])
    assert str(Path.cwd()) not in json.dumps(line)


def test_the_systems_own_words_are_kept(logged: Lines) -> None:
    try:
        Path("/does/not/exist").read_text()
    except OSError:
        get_logger().warning("file_missing", exc_info=True)
    assert logged()[0]["exception"][0]["words"] == "No such file or directory"


def test_a_librarys_line_comes_without_its_filled_in_words(logged: Lines) -> None:
    logging.getLogger("asyncpg").warning("query failed for %s", "sara@cafe.example")
    logging.getLogger("asyncio").error("Task failed\nfuture: <Task exception=ValueError('sara')>")
    logging.getLogger("asyncpg").info("chatter")
    first, second = logged()
    assert first["template"] == "query failed for %s"
    assert (second["template"], second["level"]) == ("Task failed", "error")
    assert "sara" not in json.dumps([first, second])


def _samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def _use_everything(metrics: Metrics, client_id: UUID = CLIENT) -> None:
    metrics.message(client_id, "whatsapp", "in")
    metrics.response(client_id, "whatsapp", 0.3)
    metrics.tokens(client_id, "gpt-4o", "input", 120)
    metrics.vector_search(client_id, "postgres", 0.004)
    metrics.cache(client_id, "session", hit=True)
    metrics.cache(client_id, "session", hit=False)
    metrics.error(client_id, "not_found")
    metrics.error(None, "unauthenticated")
    metrics.lanes(7, 12.5)


@pytest.mark.parametrize("shared", [False, True])
def test_everything_the_specification_names_is_counted_per_client(
    tmp_path: Path, shared: bool
) -> None:
    """Check 15."""
    metrics = Metrics(tmp_path if shared else None)
    _use_everything(metrics)
    of = dict(_samples(metrics).keys())
    mine = ("client", str(CLIENT))
    for name in (
        "wafaa_messages_total",
        "wafaa_response_seconds_count",
        "wafaa_tokens_total",
        "wafaa_vector_search_seconds_count",
        "wafaa_cache_requests_total",
    ):
        assert mine in of[name], name
    samples = _samples(metrics)
    assert (
        samples["wafaa_tokens_total", frozenset({mine, ("model", "gpt-4o"), ("kind", "input")})]
        == 120
    )
    assert samples["wafaa_lane_backlog", frozenset()] == 7
    assert samples["wafaa_lane_oldest_seconds", frozenset()] == 12.5
    assert (
        samples["wafaa_errors_total", frozenset({("client", "none"), ("code", "unauthenticated")})]
        == 1
    )
    metrics.close()


def test_after_a_thousand_clients_the_rest_are_others(tmp_path: Path) -> None:
    metrics = Metrics(most_clients=1000)
    for _ in range(1100):
        metrics.message(uuid4(), "web", "in")
    clients = {
        dict(labels)["client"]
        for name, labels in _samples(metrics)
        if name == "wafaa_messages_total"
    }
    assert len(clients) == 1001
    assert (
        "wafaa_messages_total",
        frozenset({("client", "other"), ("channel", "web"), ("direction", "in")}),
    ) in (found := _samples(metrics))
    assert sum(v for (n, _), v in found.items() if n == "wafaa_messages_total") == 1100


def test_a_restart_makes_no_room_for_more_clients(tmp_path: Path) -> None:
    for _ in range(3):
        metrics = Metrics(tmp_path, most_clients=5)
        for _ in range(10):
            metrics.message(uuid4(), "web", "in")
        metrics.close()
    shown = Metrics(tmp_path, most_clients=5)
    found = [
        (labels, value)
        for (name, labels), value in _samples(shown).items()
        if name == "wafaa_messages_total"
    ]
    assert len(found) == 6
    assert sum(value for _, value in found) == 30
    shown.close()


_WORKER = """
import sys, time
from pathlib import Path
from uuid import UUID
from app.core.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
client = UUID(sys.argv[2])
for _ in range(3):
    metrics.message(client, "whatsapp", "out")
metrics.lanes(int(sys.argv[3]), 1.0)
print("ready", flush=True)
time.sleep(60)
"""


def _work(directory: Path, backlog: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _WORKER, str(directory), str(CLIENT), str(backlog)]
    environ = os.environ | {"PYTHONPATH": "."}
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    worker.stdout.close()
    return worker


def _kill(worker: "subprocess.Popen[str]") -> None:
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def test_the_api_shows_what_its_workers_counted_even_killed_ones(tmp_path: Path) -> None:
    api = Metrics(tmp_path)
    api.message(CLIENT, "whatsapp", "in")
    out = (
        "wafaa_messages_total",
        frozenset({("client", str(CLIENT)), ("channel", "whatsapp"), ("direction", "out")}),
    )
    first, second = _work(tmp_path, 9), _work(tmp_path, 4)
    assert _samples(api)[out] == 6
    assert _samples(api)["wafaa_lane_backlog", frozenset()] == 4, "the latest"
    _kill(first)
    _kill(second)
    assert _samples(api)[out] == 6, "a killed worker's work stays counted"
    successor = _work(tmp_path, 2)
    assert _samples(api)[out] == 9, "its successor goes on counting"
    assert len(list(tmp_path.rglob("counter_*.db"))) == 3, "in the same files"
    _kill(successor)
    api.close()


def test_whoever_dies_while_making_its_files_keeps_nobody_from_starting(tmp_path: Path) -> None:
    dies = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n" + _WORKER
    command = [sys.executable, "-c", dies, str(tmp_path), str(CLIENT), "1"]
    environ = os.environ | {"PYTHONPATH": "."}
    assert subprocess.run(command, capture_output=True, env=environ, check=False).returncode != 0
    assert not list(tmp_path.rglob("*.db")), "Nobody has seen a file without its first bytes."
    (tmp_path / FORMAT / "counter_7.db").touch()  # Left by whoever made them in another way.
    metrics = Metrics(tmp_path)
    metrics.message(CLIENT, "whatsapp", "in")
    assert len(_samples(metrics)) > 0
    metrics.close()


async def test_a_part_that_fails_or_hangs_is_told_without_its_words(logged: Lines) -> None:
    async def well() -> str:
        return "18.6"

    async def fails() -> str:
        raise RuntimeError("password=canary")

    async def hangs() -> str:
        await asyncio.sleep(60)
        return ""

    async def away() -> str:
        raise UpstreamUnavailable

    parts = [
        Part("database", well),
        Part("cache", fails, needed=False),
        Part("worker", hangs),
        Part("llm", away),
    ]
    states = await check_parts(parts, seconds=0.05)
    assert [(s.name, s.ok, s.detail) for s in states] == [
        ("database", True, "18.6"),
        ("cache", False, "RuntimeError"),
        ("worker", False, "No answer within 0.05 s."),
        ("llm", False, "upstream_unavailable"),
    ]
    assert "canary" not in json.dumps(logged())
