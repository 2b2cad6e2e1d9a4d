"""The disk says that it couldn't write down what was committed: nobody is told that it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.embedded.processes import marked
from app.embedded.server import EmbeddedServer
from simulators.meta import Chaos
from tests.chaos.checker import check
from tests.chaos.installing import installation
from tests.chaos.traffic import Crowd

SEED = 71
FAULTY_SECONDS = 20.0
STRACE = "/usr/bin/strace"
EACH = "8+16"
"""Of each of the server's processes the eighth and then every sixteenth write of its log fails."""


@asynccontextmanager
async def failing_disk(server: EmbeddedServer, failures: Path) -> AsyncIterator[None]:
    """The kernel answers some calls of ``fdatasync`` with EIO, in every process of a server; each is noted."""
    pids = [word for pid in marked(server.mark) for word in ("-p", str(pid))]
    inject = f"inject=fdatasync:error=EIO:when={EACH}"
    tracer = await asyncio.create_subprocess_exec(
        STRACE, "-f", "-qq", "-o", str(failures), "-e", "trace=fdatasync", "-e", inject, *pids
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            tracer.terminate()
        await tracer.wait()


@pytest.mark.timeout(300)
async def test_a_log_that_cannot_be_written_down_costs_no_message(tmp_path: Path) -> None:
    """PostgreSQL panics at each failure and recovers; what was answered 200 is there, and answered once."""
    failures = tmp_path / "failures"
    async with installation(SEED, 15.0) as stage:
        stage.meta.chaos = Chaos(duplicate=0.2, late=0.2)
        crowd = Crowd(stage.meta, 10, SEED)
        writing = asyncio.create_task(crowd.write())
        async with failing_disk(stage.database, failures):
            await asyncio.sleep(FAULTY_SECONDS)
        await stage.keeper.crash("database")
        crowd.fall_silent()
        await writing
        assert await stage.rest(90)
        await stage.meta.settle(60)
        verdict = check(stage.meta.history.lines())
        parked, unanswered = stage.left("parked"), stage.unanswered()
    assert failures.read_text("utf-8").count("(INJECTED)") > 0
    assert verdict.passed, verdict
    assert (parked, unanswered) == (0, 0)
    assert verdict.replies > 5
