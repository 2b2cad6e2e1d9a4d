"""The embedded Valkey keeps what it was told, whatever happened before."""

import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.core.errors import Unavailable
from app.embedded.processes import marked
from app.embedded.valkey import EmbeddedValkey


async def write(server: EmbeddedValkey) -> None:
    async with Redis.from_url(server.url, protocol=2) as redis:
        await redis.set("word", "قهوة")


async def read(server: EmbeddedValkey) -> str | None:
    async with Redis.from_url(server.url, protocol=2, decode_responses=True) as redis:
        found = await redis.get("word")
        assert not isinstance(found, bytes)
        return found


async def test_keeps_values_over_a_stop(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        await write(server)
    with EmbeddedValkey(tmp_path) as server:
        assert await read(server) == "قهوة"
    assert not server.running()


async def test_starts_after_it_was_killed(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()
    await write(server)
    os.kill(server.leader() or 0, signal.SIGKILL)
    assert not server.running()
    with EmbeddedValkey(tmp_path) as again:
        assert again.running()
        server.stop()


async def test_starts_with_a_log_that_a_crash_cut_off(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        await write(server)
    log = next((tmp_path / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes() + b"*3\r\n$3\r\nSET\r\n$4\r\nhal")
    with EmbeddedValkey(tmp_path) as server:
        assert await read(server) == "قهوة"


def test_listens_on_no_network(valkey: EmbeddedValkey) -> None:
    (pid,) = marked(valkey.mark)
    listening = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{fields[9]}]" for fields in listening if fields[3] == "0A"}
    assert not sockets & {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    assert valkey.socket.parent.stat().st_mode & 0o077 == 0


def test_debians_redis_runs_the_same_way(redis7: EmbeddedValkey) -> None:
    assert redis7.running()


def test_tells_why_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="FATAL CONFIG FILE ERROR"):
        EmbeddedValkey(tmp_path, memory="much").start()
