"""Sockets must fit, locks must end with their holder."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import Misconfigured
from app.embedded.places import Lock, digest, socket_directory


def test_a_socket_lies_under_its_home(tmp_path: Path) -> None:
    place = socket_directory(tmp_path, "x.sock")
    assert place == tmp_path / "run"
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_socket_of_a_long_home_moves_to_a_short_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path("/tmp") / f"r{os.getpid()}"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    home = tmp_path / ("long" * 30)
    place = socket_directory(home, ".s.PGSQL.5432")
    try:
        assert place == runtime / f"wafaa-{digest(home)}"
        assert place == socket_directory(home, ".s.PGSQL.5432")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place / ".s.PGSQL.5432"))
    finally:
        (place / ".s.PGSQL.5432").unlink()
        place.rmdir()
        runtime.rmdir()


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match="belongs to somebody else"):
        socket_directory(tmp_path, "x.sock")


def test_two_hold_a_shared_lock_but_none_takes_it_alone(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.take(shared=True)
    assert second.take(shared=True)
    assert not first.take()
    second.free()
    assert first.take()
    assert not second.take(shared=True, seconds=0.05)
    first.free()
    second.free()


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = "import sys, pathlib; from app.embedded.places import Lock; l = Lock(pathlib.Path(sys.argv[1]))"
    code += "; print(l.take(), flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    lock = Lock(tmp_path / "lock")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not lock.take()
        holder.kill()
        assert lock.take(seconds=5)
    lock.free()
