"""`wafaa up` for real: from an empty directory to the first answer, killed in every part, and gone when asked."""

import http.client
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.cli import main
from app.cli.health import health
from app.core.config import Settings
from app.demo import DEMO, DemoClient
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.processes import wait_until
from app.embedded.valkey import EmbeddedValkey
from tests.fixtures.product import CACHE

BACKEND = Path(__file__).parents[2]
WITHIN = 90.0
pytestmark = pytest.mark.timeout(300)

Wafaa = Callable[..., Any]
WAFAA = (sys.executable, "-P", "-m", "app.cli")


@dataclass
class Running:
    """An `up` in a process of its own."""

    process: "subprocess.Popen[str]"
    home: Path
    port: int
    said: list[str]

    @property
    def parts(self) -> dict[str, int]:
        """The processes it keeps alive, by what they are."""
        return {name: pid for pid, name in self.processes.items()}

    @property
    def processes(self) -> dict[int, str]:
        """What each of them is."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid:
                    found[int(entry.name)] = _name((entry / "cmdline").read_bytes())
        return found

    def is_well(self) -> bool:
        """Whether the API says that everything is."""
        with suppress(OSError, ValueError):
            return bool(health(settings_of(self))["ok"])
        return False


def left_in(home: Path) -> list[int]:
    """What runs in that directory, beside ourselves."""
    found = [int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit() and _is_of(e, home)]
    return [pid for pid in found if pid != os.getpid()]


def settings_of(up: Running) -> Settings:
    return Settings(_env_file=None, WAFAA_PORT=up.port)


def _name(command: bytes) -> str:
    words = command.decode(errors="replace").split("\0")
    ours = words.index("app.cli") + 1 if "app.cli" in words else 0
    return words[ours].partition(" ")[0].rpartition("/")[2]


def _is_of(entry: Path, home: Path) -> bool:
    """Whether a process lives in that directory, or names it."""
    try:
        return str(home) in (entry / "cmdline").read_text() or (entry / "cwd").readlink() == home
    except (OSError, UnicodeDecodeError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    mine = ("WAFAA_", "DATABASE_URL", "REDIS_URL", "META_", "LLM_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**kept, "PYTHONPATH": str(BACKEND)}


def start(home: Path, port: int, *more: str, **given: str) -> Running:
    """Types `wafaa up`, with settings in the environment, and waits until it has said all it says."""
    argv = [sys.executable, "-P", "-m", "app.cli", "up", "--port", str(port), *more]
    process = subprocess.Popen(
        argv, cwd=home, env=environment() | given,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    up = Running(process, home, port, [])
    assert process.stdout is not None
    for line in process.stdout:
        up.said.append(line.rstrip("\n"))
        if "Ctrl-C" in line:
            return up
    raise AssertionError("\n".join(up.said))


def stop(up: Running, number: signal.Signals = signal.SIGINT) -> int:
    up.process.send_signal(number)
    return up.process.wait(30)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty directory; the embedding model, which takes long to build, is there already."""
    return home_with_model(tmp_path_factory.mktemp("up"))


def home_with_model(home: Path) -> Path:
    (CACHE / "models").mkdir(parents=True, exist_ok=True)
    (home / ".wafaa").mkdir()
    (home / ".wafaa" / "models").symlink_to(CACHE / "models")
    return home


@pytest.fixture(scope="module")
def runs() -> Iterator[list[Running]]:
    """Every `up` of this module; the last one may still run."""
    runs: list[Running] = []
    yield runs
    end(runs)


def end(runs: list[Running]) -> None:
    for running in runs:
        if running.process.poll() is None:
            stop(running)
        if running.process.stdout is not None:
            running.process.stdout.close()
    runs.clear()


@pytest.fixture
def up(runs: list[Running], home: Path) -> Running:
    """An `up` that runs: the last test's, if that left it running."""
    if not runs or runs[-1].process.poll() is not None:
        end(runs)
        runs.append(start(home, free_port()))
    return runs[-1]


@pytest.fixture
def down(runs: list[Running]) -> None:
    """Nothing runs."""
    end(runs)


@pytest.fixture
def wafaa(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Wafaa]:
    """Types another command in the same directory; gives what it tells a program."""
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    monkeypatch.chdir(home)
    before = structlog.get_config()

    def run(*words: str, code: int = 0) -> Any:
        monkeypatch.setattr(sys, "argv", ["wafaa", *words, "--json"])
        assert main() == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    yield run
    structlog.configure(**before)


def test_answers_in_both_languages_a_moment_after_it_was_typed(up: Running, wafaa: Wafaa) -> None:
    assert len(up.said) <= 15
    assert up.is_well()
    for demo in DEMO:
        question = demo.questions[demo.settings.language]
        assert any(question.text in line for line in up.said)
        told = wafaa("ask", question.text, "--client", demo.slug)
        assert told["language"] == demo.settings.language
        assert told["citations"], told
        for words in question.expects:
            assert words in told["answer"]


def test_a_person_teaches_takes_over_and_hands_back(up: Running, wafaa: Wafaa, home: Path) -> None:
    (home / "parking.md").write_text(
        "# Parking\n\nParking behind the clinic costs 7 SAR an hour.\n"
    )
    (document,) = wafaa("knowledge", "add", "parking.md", "--client", "clinic")
    assert document["status"] == "ready"
    assert "7 SAR" in wafaa("knowledge", "search", "parking", "--client", "clinic")[0]["text"]

    said = subprocess.run(
        [sys.executable, "-P", "-m", "app.cli", "chat", "--client", "clinic", "--json"],
        cwd=home, env=environment(), input="How much is parking behind the clinic?\n", text=True,
        capture_output=True, timeout=WITHIN, check=True,
    )  # fmt: skip
    reply = json.loads(said.stdout)
    assert "7 SAR" in reply["text"]
    assert wafaa("trace", reply["id"])["where"] == "The reply is sent."

    at = ("--client", "clinic")
    conversation = wafaa("inbox", "list", *at)[0]["id"]
    assert wafaa("inbox", "reply", conversation, "Too early.", *at, code=1)["code"] == "conflict"
    wafaa("inbox", "take", conversation, *at)
    wafaa("inbox", "reply", conversation, "Sara here.", *at)
    assert wafaa("inbox", "read", conversation, *at)[-1]["text"] == "Sara here."
    wafaa("inbox", "back", conversation, *at)
    wafaa("inbox", "resolve", conversation, *at)
    assert wafaa("inbox", "list", *at)[0]["status"] == "resolved"
    assert wafaa("jobs", "list", *at) == []


@pytest.mark.parametrize("demo", DEMO, ids=lambda demo: demo.slug)
def test_a_person_is_a_contact_on_whatsapp_in_a_terminal(
    up: Running, home: Path, demo: DemoClient
) -> None:
    """What is said twice is answered once; a picture gets a sensible reply."""
    question = demo.questions[demo.settings.language]
    typed = f"{question.text}\n/dup\n/image\n/quit\n"
    said = subprocess.run(
        [*WAFAA, "emulate", "whatsapp", "--client", demo.slug, "--json"],
        cwd=home, env=environment(), input=typed, text=True, capture_output=True, timeout=WITHIN, check=True,
    )  # fmt: skip
    answer, *others = [json.loads(line)["text"] for line in said.stdout.splitlines()]
    assert all(words in answer for words in question.expects)
    assert demo.name in answer, "The first reply says that it is automated."
    assert len(others) == 1, said.stdout


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(up: Running, home: Path) -> None:
    (home / "drawn.md").write_text("# Drawing\n\nWe draw on Mondays.\n")
    argv = [*WAFAA, "knowledge", "add", "drawn.md", "--client", "clinic"]
    master, slave = os.openpty()
    subprocess.run(argv, cwd=home, env=environment(), stderr=slave, timeout=WITHIN, check=True)
    os.close(slave)
    assert "Learning" in os.read(master, 65536).decode()
    os.close(master)
    plain = subprocess.run(
        argv, cwd=home, env=environment(), capture_output=True, timeout=WITHIN, check=True
    )
    assert plain.stderr == b""


def test_the_terminal_speaks_arabic_to_whoever_reads_it(up: Running, home: Path) -> None:
    (home / "torn.docx").write_bytes(b"PK\x03\x04 torn")
    argv = [*WAFAA, "knowledge", "add", "torn.docx", "--client", "cafe"]
    for locale, told in (
        ("ar_SA.UTF-8", "هذا الملف تالف."),
        ("en_GB.UTF-8", "This file is broken."),
    ):
        done = subprocess.run(
            argv, cwd=home, env=environment() | {"LC_ALL": locale}, text=True, capture_output=True, timeout=WITHIN,
        )  # fmt: skip
        assert done.returncode == 1
        assert told in done.stdout + done.stderr


def test_a_business_is_set_up_from_the_terminal(
    up: Running, wafaa: Wafaa, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    made = wafaa("client", "create", "bakery", "--name", "Bakery", "--email", "o@bakery.example")
    assert len(made["password"]) >= 12
    assert [c["slug"] for c in wafaa("client", "list")] == ["bakery", "cafe", "clinic"]
    taken = wafaa("client", "create", "bakery", "--name", "B", "--email", "o@b.example", code=1)
    assert taken["code"] == "conflict"
    short = home / "short"
    short.write_text("1234\n")
    words = ["--name", "F", "--email", "o@f.example", "--password-file", str(short)]
    assert "password" in wafaa("client", "create", "florist", *words, code=1)["detail"]

    (home / "token").write_text("EAAG\n")
    fields = ["--set", "phone_number_id=55501", "--set-file", "access_token=token"]
    account = wafaa("channel", "add", "whatsapp", "--client", "bakery", *fields)
    assert account["address"] == f"http://127.0.0.1:{up.port}/webhook/whatsapp/bakery"
    assert account["verify_token"]
    assert {a["kind"] for a in wafaa("channel", "list", "--client", "bakery")} == {
        "web",
        "whatsapp",
    }
    assert wafaa("channel", "add", "fax", "--client", "bakery", code=1)["code"] == "not_found"


def test_a_client_is_looked_after_from_the_terminal(
    up: Running, wafaa: Wafaa, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command tells a program one document and nothing else."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    wafaa("client", "create", "florist", "--name", "Florist", "--email", "o@florist.example")
    wafaa("client", "quota", "florist", "--messages", "5")
    assert wafaa("client", "show", "florist")["quota"]["messages"] == 5
    wafaa("client", "suspend", "florist", "--reason", "The invoice is open.")
    assert not wafaa("client", "show", "florist")["active"]
    wafaa("client", "resume", "florist")
    assert wafaa("client", "configure", "florist", "--set", "tone=formal")["version"] == 2
    assert [one["version"] for one in wafaa("client", "history", "florist")] == [2, 1]
    assert wafaa("client", "restore", "florist", "1")["version"] == 3
    assert wafaa("client", "usage", "florist") == []
    assert wafaa("client", "record", "florist")["controller"] == "Florist"
    at = ("--client", "florist")
    invited = wafaa("staff", "invite", "lina@florist.example", "--name", "Lina", *at)
    assert "/invitation?token=" in invited["link"]
    assert wafaa("staff", "invite", "nobody", "--name", "N", *at, code=1)["code"] == "invalid_input"
    assert "token=" in wafaa("staff", "reset", "lina@florist.example", *at)["link"]
    wafaa("staff", "deactivate", "lina@florist.example", *at)
    assert len(wafaa("staff", "list", *at)) == 2
    assert wafaa("keys", "list", *at)[0]["version"] == 1
    assert wafaa("audit", "verify", *at)[0]["slug"] == "florist"
    assert (
        wafaa("client", "export", "florist", "-o", str(home / "florist.zip"))["rows"]["staff"] == 2
    )
    [file] = wafaa("export", str(home / "files"), *at)
    wafaa("client", "erase", "florist", "--now", "--yes")
    [made] = wafaa("apply", "-f", file, "--yes")
    assert [one["email"] for one in made["invitations"]] == ["o@florist.example"]
    wafaa("client", "erase", "florist", "--yes")
    assert wafaa("client", "keep", "florist")["active"]
    wafaa("client", "erase", "florist", "--now", "--yes")


def test_a_channel_is_checked_by_calling_ourselves(up: Running, wafaa: Wafaa) -> None:
    found = {f["name"]: f["state"] for f in wafaa("channel", "check", "--client", "cafe", code=1)}
    assert found["Webhook handshake"] == "ok"
    assert found["Webhook signature"] == "ok"
    assert found["WhatsApp credentials"] == "fail", "Nobody emulates WhatsApp."


def test_the_doctor_finds_a_running_installation_well(up: Running, wafaa: Wafaa) -> None:
    states = {f["name"]: f["state"] for f in wafaa("doctor")}
    well = ("api", "postgresql", "role", "revision", "pgvector", "fence", "credentials", "embedder")
    assert {name: states[name] for name in well} == dict.fromkeys(well, "ok")
    assert wafaa("migrate", "--check")["current"]
    assert wafaa("migrate")["current"]


@pytest.mark.parametrize("part", ["serve", "work"])
def test_a_part_stays_small(up: Running, part: str) -> None:
    """What it holds for itself: its share of libraries depends on who else has them loaded."""
    rollup = Path(f"/proc/{up.parts[part]}/smaps_rollup").read_text().splitlines()
    [kilobytes] = [int(line.split()[1]) for line in rollup if line.startswith("Anonymous:")]
    assert kilobytes <= 80 * 1024


def test_the_same_directory_is_run_once(up: Running, wafaa: Wafaa) -> None:
    refused = wafaa("up", "--port", str(free_port()), code=1)
    assert "Another `wafaa up`" in refused["detail"]
    taken = wafaa("up", "--port", str(up.port), code=1)
    assert "--port" in taken["detail"]


@pytest.mark.parametrize("part", ["serve", "work", "embed", "valkey-server", "postgres"])
def test_a_part_that_is_killed_comes_back(up: Running, part: str) -> None:
    killed = up.parts[part]
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: up.parts.get(part, killed) != killed, WITHIN)
    assert wait_until(up.is_well, WITHIN)


def test_whoever_comes_while_the_api_begins_again_is_waited_for(up: Running) -> None:
    """The port stays open in whoever keeps the parts: nobody is refused."""
    killed = up.parts["serve"]
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: killed not in up.processes, WITHIN)
    assert lives(up)
    assert up.parts["serve"] != killed


def lives(up: Running) -> bool:
    """Asks once."""
    connection = http.client.HTTPConnection("127.0.0.1", up.port, timeout=WITHIN)
    with closing(connection):
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200


def test_what_is_left_of_a_killed_installation_hinders_nothing(
    up: Running, runs: list[Running], home: Path
) -> None:
    os.kill(up.process.pid, signal.SIGKILL)
    runs.append(start(home, up.port))
    assert runs[-1].is_well()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_asked_to_stop_nothing_stays_behind(
    up: Running, home: Path, number: signal.Signals
) -> None:
    assert stop(up, number) == 0
    assert wait_until(lambda: not left_in(home), 5.0), left_in(home)


@pytest.mark.usefixtures("down")
def test_a_stop_while_starting_is_a_stop(home: Path) -> None:
    argv = [sys.executable, "-P", "-m", "app.cli", "up", "--port", str(free_port())]
    with subprocess.Popen(argv, cwd=home, env=environment(), stdout=subprocess.DEVNULL) as process:
        time.sleep(1.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert wait_until(lambda: not left_in(home), 5.0), left_in(home)


@pytest.mark.usefixtures("down")
def test_a_command_brings_the_servers_along_where_nothing_runs(home: Path, wafaa: Wafaa) -> None:
    (home / "wifi.md").write_text(
        "# Wi-Fi\n\nThe Wi-Fi password in the waiting room is cedar-2026.\n"
    )
    (document,) = wafaa("knowledge", "add", "wifi.md", "--client", "clinic")
    assert document["status"] == "ready"
    found = wafaa("knowledge", "search", "wifi password", "--client", "clinic")
    assert "cedar-2026" in found[0]["text"]
    assert wait_until(lambda: not left_in(home), 5.0), left_in(home)


def test_the_gateway_is_started_where_tls_is_wanted(down: None, home: Path) -> None:
    """With a certificate of its own for this machine; the product behind it knows how it is reached."""
    port, tls = free_port(), free_port()
    up = start(home, port, "--tls", "--tls-port", str(tls), "--no-demo")
    try:
        assert f"https://localhost:{tls}" in "\n".join(up.said)
        certificate = home / ".wafaa" / "tls" / "localhost.pem"
        trusted = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", tls, context=trusted, timeout=30)
        with closing(connection):
            connection.request("GET", "/health/live")
            answer = connection.getresponse()
            assert answer.status == 200
            assert "max-age" in (answer.getheader("strict-transport-security") or "")
        assert (certificate.parent / "localhost.key.pem").stat().st_mode & 0o077 == 0
    finally:
        assert stop(up) == 0
        assert up.process.stdout
        up.process.stdout.close()
    assert wait_until(lambda: not left_in(home), 20.0)


@pytest.mark.usefixtures("down")
def test_where_several_serve_the_others_go_on_when_one_dies(home: Path) -> None:
    up = start(home, free_port(), "--no-demo", WAFAA_API_PROCESSES="2")
    try:
        serving = [pid for pid, name in up.processes.items() if name == "serve"]
        assert len(serving) == 2
        for paused in serving:  # Only the other can answer then.
            os.kill(paused, signal.SIGSTOP)
            assert lives(up)
            os.kill(paused, signal.SIGCONT)
        os.kill(serving[0], signal.SIGKILL)
        assert all(lives(up) for _ in range(20))
        assert wait_until(lambda: list(up.processes.values()).count("serve") == 2, WITHIN)
    finally:
        assert stop(up) == 0
        assert up.process.stdout
        up.process.stdout.close()


@pytest.mark.usefixtures("down")
def test_where_servers_are_given_none_is_brought_along(
    postgres15: EmbeddedPostgres,
    redis7: EmbeddedValkey,
    fresh_database: Callable[..., str],
    tmp_path: Path,
) -> None:
    given = {
        "DATABASE_URL": fresh_database(postgres15),
        "REDIS_URL": redis7.url,
        "WAFAA_APP_DATABASE_PASSWORD": "password-of-the-tests",
    }
    home = home_with_model(tmp_path)
    up = start(home, free_port(), "--no-demo", **given)
    try:
        assert wait_until(up.is_well, WITHIN)
        assert set(up.parts) == {"serve", "work", "embed"}
        assert list(home.rglob("PG_VERSION")) == []
    finally:
        end([up])
