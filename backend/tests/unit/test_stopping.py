"""Whoever is asked to stop is gone in time, whatever it does."""

import signal
import subprocess
import sys

import pytest

from app.cli import consume, roles, serve
from app.services.queue import worker

STUBBORN = """
import asyncio
from app.cli.roles import on_stop

async def role():
    on_stop(lambda: None, within=0.3)
    print("up", flush=True)
    await asyncio.sleep(3600)

asyncio.run(role())
"""

ASKED_TWICE = """
import signal
from app.cli.serve import Server

server, left = Server.__new__(Server), []
server.should_exit, server._captured_signals = False, []
for _ in range(2):
    server.handle_exit(signal.SIGTERM, None)
    left.append(signal.getitimer(signal.ITIMER_REAL)[0])
print(*left)
"""


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_who_goes_on_all_the_same_is_ended() -> None:
    with python(STUBBORN) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGALRM


def test_the_api_is_ended_as_well_and_asking_again_gives_no_more_time() -> None:
    said, _ = python(ASKED_TWICE).communicate(timeout=60)
    first, second = map(float, said.split())
    assert 0 < second < first <= roles.STOP_SECONDS


@pytest.mark.parametrize(
    "seconds",
    [serve.GRACE_SECONDS, consume.DRAIN_SECONDS, worker.DRAIN_SECONDS + worker.RELEASE_SECONDS],
)
def test_ten_seconds_are_enough_for_what_each_finishes(seconds: float) -> None:
    assert seconds < roles.STOP_SECONDS < 10
