"""The command line: what can be typed, how quickly help comes, how errors are told."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
import typer

from app.api.app import VERSION
from app.api.catalogue import PROBLEMS
from app.bootstrap import embed_socket, public_url
from app.cli import entry, main, parts
from app.cli.commands import app
from app.cli.configuration import MASKED, shown
from app.cli.doctor import env_file, examine
from app.cli.findings import FAIL
from app.core.config import Settings
from app.core.errors import Conflict

BACKEND = Path(__file__).parents[2]
SECRET = "a secret of the tests, longer than thirty-two bytes"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def wafaa(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Types a command in an empty directory; gives exit code, output and errors."""
    for name in [name for name in os.environ if name.startswith("WAFAA_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    before = structlog.get_config()

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wafaa", *words])
        code = main()
        told = capsys.readouterr()
        return code, told.out, told.err

    yield run
    structlog.configure(**before)


def settings(**more: Any) -> Settings:
    return Settings(_env_file=None, **{"WAFAA_HOME": Path("/tmp/w"), **more})


def test_help_comes_before_anything_heavy_is_loaded() -> None:
    code = "import sys, app.cli; print([m for m in sys.modules if m.split('.')[0] in %r])"
    heavy = ("sqlalchemy", "fastapi", "pydantic", "aiohttp", "redis", "rich", "numpy", "structlog")
    argv = [sys.executable, "-c", code % (heavy,)]
    said = subprocess.run(argv, cwd=BACKEND, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"


def cpu_of(*argv: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *argv], cwd=BACKEND, capture_output=True, timeout=60, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_costs_little_more_than_loading_typer() -> None:
    typer_alone = min(cpu_of("-c", "import typer.main, typer.core") for _ in range(3))
    ours = min(cpu_of("-m", "app.cli", "--help") for _ in range(3))
    assert ours < 3 * typer_alone + 0.15


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield from ((*path, str(command.name)) for command in group.registered_commands)
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        yield from commands(sub.typer_instance, (*path, str(sub.name)))


@pytest.mark.parametrize("words", list(commands(app)), ids=" ".join)
def test_every_command_says_what_it_does(wafaa: Run, words: tuple[str, ...]) -> None:
    code, out, _ = wafaa(*words, "--help")
    assert code == 0
    assert out.startswith(f"Usage: wafaa {' '.join(words)}")
    assert out.count("\n") > 4


@pytest.mark.parametrize("words", list(commands(app)), ids=" ".join)
def test_every_command_that_tells_something_can_tell_it_to_a_program(
    wafaa: Run, words: tuple[str, ...]
) -> None:
    told = wafaa(*words, "--help")[1]
    assert "--json" in told or words[0] in ("serve", "work", "consume", "embed")


ELSEWHERE = {
    ("up",),
    ("prepare",),
    ("serve",),
    ("work",),
    ("consume",),
    ("embed",),
    ("openapi",),
    ("asyncapi",),
    ("version",),
}
"""These run for long, or need no installation."""


@pytest.mark.parametrize("words", sorted(set(commands(app)) - ELSEWHERE), ids=" ".join)
def test_a_program_reads_one_document_whatever_goes_wrong(
    wafaa: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Without an installation, or without what a command needs to be told: a problem, and nothing beside it."""
    code, out, err = wafaa(*words, *_some(words), "--json")
    told = json.loads(out)
    assert out.count("\n") == 1
    assert err == ""
    if code and words != ("doctor",):  # Which tells what it found.
        assert told["code"] in PROBLEMS
        assert told["detail"]


def _some(words: tuple[str, ...]) -> list[str]:
    """Something for every argument, so that the command itself begins."""
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    needed = [one for one in command.params if one.required]
    return [piece for one in needed for piece in _value(one)]


def _value(parameter: Any) -> list[str]:
    kinds: dict[Any, str] = {UUID: str(UUID(int=1)), int: "1", Path: "something"}
    value = kinds.get(parameter.type_descriptor.annotation, "something")
    name = str(parameter.opts[0])
    return [name, value] if name.startswith("-") else [value]


def test_without_a_command_help_is_shown_as_help_is(wafaa: Run) -> None:
    code, _, err = wafaa()
    assert code == entry.USAGE
    assert "\n  ask " in err


def test_a_wrong_command_is_told_in_one_line(wafaa: Run) -> None:
    code, out, err = wafaa("bogus")
    assert (code, out) == (entry.USAGE, "")
    assert err == "No such command 'bogus'. See `wafaa --help`.\n"


def test_a_wrong_command_is_told_to_a_program_as_a_problem(wafaa: Run) -> None:
    code, out, err = wafaa("ask", "--json")
    problem = json.loads(out)
    assert (code, err) == (entry.USAGE, "")
    assert problem["code"] == "invalid_input"
    assert "QUESTION" in problem["detail"].upper()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ask", "--json", "x"], True),
        (["ask", "x"], False),
        (["ask", "--", "--json"], False),
        ([], False),
    ],
)
def test_a_program_reads_along_when_it_says_so(words: list[str], expected: bool) -> None:
    assert entry.wants_json(words) is expected


@pytest.mark.parametrize(
    "words", [("ask", "hello"), ("inbox", "list"), ("knowledge", "list"), ("migrate", "--check")]
)
def test_where_nothing_is_set_up_a_command_says_where_to_begin(
    wafaa: Run, words: tuple[str, ...], tmp_path: Path
) -> None:
    code, out, err = wafaa(*words)
    assert (code, out) == (entry.REFUSED, "")
    assert "make up" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "A command that only looks leaves nothing behind."


@pytest.mark.parametrize("place", ["file", "environment"])
def test_a_mistyped_setting_is_told_with_the_right_one(
    wafaa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    if place == "file":
        (tmp_path / ".env").write_text("WAFAA_PORTT=8001\n")
    else:
        monkeypatch.setenv("WAFAA_PORTT", "8001")
    code, _, err = wafaa("config", "show")
    assert code == entry.REFUSED
    assert "WAFAA_PORT?" in err


def test_a_setting_that_is_no_value_is_named(wafaa: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WAFAA_PORT=many\n")
    code, out, _ = wafaa("config", "show", "--json")
    assert code == entry.REFUSED
    assert json.loads(out)["detail"].startswith("WAFAA_PORT: ")


def test_settings_are_shown_with_their_sources_and_secrets_masked(
    wafaa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"JWT_SECRET_KEY={SECRET}\nWAFAA_PORT=8001\n")
    monkeypatch.setenv("WAFAA_PORT", "8002")
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://me:hush@db/x")
    code, out, _ = wafaa("config", "show", "--json")
    found = {one["name"]: (one["value"], one["source"]) for one in json.loads(out)}
    assert code == 0
    assert found["WAFAA_PORT"] == (8002, "environment")
    assert found["JWT_SECRET_KEY"] == (MASKED, ".env")
    assert found["DATABASE_URL"] == (MASKED, "environment")
    assert found["REDIS_URL"] == (None, "default")
    assert SECRET not in out
    assert "hush" not in out


def test_only_our_own_names_are_settings(
    wafaa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A field called ``home`` must not be somebody's HOME, nor ``port`` a platform's PORT."""
    for name in ("HOME", "PORT", "HOST", "DOCS"):
        monkeypatch.setenv(name, "1")
    found = {one.name: one.source for one in shown()}
    assert found["WAFAA_HOME"] == "default"
    assert Settings.read(tmp_path / ".env").home == Path(".wafaa")


def test_the_version_is_told(wafaa: Run) -> None:
    assert json.loads(wafaa("version", "--json")[1])["version"] == VERSION
    assert VERSION in wafaa("version")[1]


def test_the_api_is_described_without_an_installation(wafaa: Run, tmp_path: Path) -> None:
    code, out, _ = wafaa("openapi")
    assert code == 0
    assert "/health/ready" in json.loads(out)["paths"]
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_how_to_put_right_what_is_wrong(wafaa: Run) -> None:
    code, out, _ = wafaa("doctor", "--json")
    findings = {one["name"]: one for one in json.loads(out)}
    assert code == 1
    assert findings["postgresql"]["state"] == FAIL
    assert "make up" in findings["postgresql"]["fix"]
    assert all(one["fix"] for one in findings.values() if one["state"] == FAIL)


def test_the_doctor_sees_secrets_that_others_can_read(wafaa: Run, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"JWT_SECRET_KEY={SECRET}\n")
    file.chmod(0o644)
    assert (env_file().state, env_file().fix) == (FAIL, "chmod 600 .env")
    file.chmod(0o600)
    assert env_file().state == "ok"


def test_the_doctor_goes_on_where_settings_are_wrong(wafaa: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WAFAA_TYPO=1\n")
    assert [one.name for one in examine()] == ["python", ".env", "settings"]


def test_the_light_modules_agree_with_the_composition_root() -> None:
    for one in (settings(), settings(WAFAA_PUBLIC_URL="https://chat.example/")):
        assert parts.embed_socket(one.home) == embed_socket(one)
        assert parts.address(one) == public_url(one)


def test_a_taken_port_is_told_with_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match="up --port"):
            parts.refuse_taken_port("127.0.0.1", port)
        assert parts.listening("127.0.0.1", port)
    parts.refuse_taken_port("127.0.0.1", port)


def test_the_embedded_server_has_room_for_every_pool(tmp_path: Path) -> None:
    one = settings(WAFAA_HOME=tmp_path, WAFAA_POOL_SIZE=30, WAFAA_POOL_OVERFLOW=20)
    argv = parts.postgres(one).argv()
    room = next(int(w.partition("=")[2]) for w in argv if w.startswith("max_connections="))
    assert room >= 2 * 50 + 3 + 20
    several = parts.postgres(settings(WAFAA_HOME=tmp_path, WAFAA_API_PROCESSES=4)).argv()
    assert next(int(w.partition("=")[2]) for w in several if w.startswith("max_conn")) >= 5 * 30


def test_commands_elsewhere_learn_where_the_api_listens(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        running = settings(WAFAA_HOME=tmp_path, WAFAA_PORT=listener.getsockname()[1])
        with parts.posted(running):
            assert parts.as_posted(settings(WAFAA_HOME=tmp_path)).port == running.port
        assert parts.as_posted(settings(WAFAA_HOME=tmp_path)).port == 8000
