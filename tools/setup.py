"""Brings what Wafaa needs to run, from nothing but Python 3.11: `make` calls it.

uv comes from its wheel, Python packages from a hash-locked file into `.venv`, Node from a wheel among them, and with
it the web workspace is built. Each step leaves a stamp of what it was made from, so that a second run does nothing.
Standard library only, and free of new syntax, so that an old Python can say that it is too old.
"""

# ruff: noqa: S603, S606, T201 - setting up is running commands and telling about it.

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
BACKEND = ROOT / "backend"
WEB = ROOT / "web"
UV_LOCK = ROOT / "tools" / "uv.lock.txt"
LOCKS = {
    "run": BACKEND / "requirements.lock",
    "test": BACKEND / "requirements-dev.lock",
}
ONLY_AS_LOCKED = ("--quiet", "--require-hashes", "--no-build")
"""Nothing but the wheels that the lock names: building one would run its author's code."""
CHECKS = TOOLS / "checks"
CHECKS_LOCK = BACKEND / "requirements-checks.lock"
LAUNCHER = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
# Made by tools/setup.py: runs what lies in the working tree.
import sys

sys.path.insert(0, {backend!r})

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""

DEBIAN_PACKAGES = {
    "postgresql-15": "/usr/lib/postgresql/15/bin/postgres",
    "redis-server": "/usr/bin/redis-server",
    "nginx-light": "/usr/sbin/nginx",
    "testssl.sh": "/usr/bin/testssl",
    "curl": "/usr/bin/curl",
    "chromium": "/usr/bin/chromium",
    "pgbouncer": "/usr/sbin/pgbouncer",
    "maven": "/usr/bin/mvn",
    "unzip": "/usr/bin/unzip",
    "faketime": "/usr/bin/faketime",
    "strace": "/usr/bin/strace",
    "nftables": "/usr/sbin/nft",
    "iproute2": "/usr/sbin/ip",
    "fonts-noto-core": "/usr/share/fonts/truetype/noto/NotoNaskhArabic-Regular.ttf",
}
"""What only the tests need, and the file that shows that it is there."""


def main() -> None:
    """Does what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test", action="store_true", help="bring what the tests need as well")
    parser.add_argument("--no-web", action="store_true", help="leave the web workspace alone")
    arguments = parser.parse_args()
    use_new_python()
    if arguments.test:
        install_debian_packages()
    install_python_packages("test" if arguments.test else "run")
    if arguments.test:
        install_checks()
    compile_backend()
    write_launcher()
    if not arguments.no_web and (WEB / "package.json").exists():
        build_web()


def use_new_python() -> None:
    """Goes on with a newer Python of this machine if this one is too old."""
    if sys.version_info >= OLDEST:
        return
    names = [f"python3.{minor}" for minor in (13, 12, 11)]
    found = [path for path in map(shutil.which, names) if path and works(path)]
    if not found:
        sys.exit(f"Wafaa needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.execv(found[0], [found[0], *sys.argv])


def install_debian_packages() -> None:
    """Installs the servers, the browser and the fonts that the tests use, where they are missing."""
    missing = [name for name, shown_by in DEBIAN_PACKAGES.items() if not Path(shown_by).exists()]
    if not missing:
        return
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") is None or (rights and shutil.which("sudo") is None):
        sys.exit(f"The tests need these Debian packages: {' '.join(missing)}.")
    with Step(f"Debian packages: {', '.join(missing)}"):
        quiet = "env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300"
        apt = [*rights, *quiet.split()]
        run([*apt, "update"])
        run([*apt, "install", "--yes", "--no-install-recommends", *missing])


def install_python_packages(purpose: str) -> None:
    """Makes `.venv` hold exactly the locked packages. What the tests need includes what running needs."""
    wanted = {name: digest([lock]) for name, lock in LOCKS.items()}
    stamp = VENV / ".stamp"
    present = stamp.read_text().split() if stamp.exists() else []
    if wanted[purpose] in present and works(VENV / "bin" / "python"):
        return
    uv = find_uv()
    with Step("Python packages"):
        if not works(VENV / "bin" / "python"):
            run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV])
        options = ["--compile-bytecode", "--python", VENV / "bin" / "python"]
        run([uv, "pip", "sync", *ONLY_AS_LOCKED, *options, LOCKS[purpose]])
    stamp.write_text("\n".join(wanted.values() if purpose == "test" else [wanted["run"]]))


def install_checks() -> None:
    """Makes `.tools/checks` hold the programs that tests run beside the product, apart from its packages."""
    stamp = CHECKS / ".stamp"
    wanted = digest([CHECKS_LOCK])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    uv = find_uv()
    with Step("Programs of the checks"):
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, CHECKS])
        options = ["--python", CHECKS / "bin" / "python"]
        run([uv, "pip", "sync", *ONLY_AS_LOCKED, *options, CHECKS_LOCK])
    stamp.write_text(wanted)


def compile_backend() -> None:
    """Compiles our own modules, so that starting is quick even where Python may not write beside them."""
    run([VENV / "bin" / "python", "-m", "compileall", "-q", BACKEND / "app"])


def find_uv() -> Path:
    """The uv of this machine if it has one that works, else our own."""
    own = TOOLS / "uv" / "bin" / "uv"
    candidates = [Path(path) for path in (shutil.which("uv"), own) if path]
    for path in candidates:
        if works(path):
            return path
    with Step("uv"):
        target = ["--target", TOOLS / "uv", "--upgrade"]
        options = (
            "--quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes"
        )
        run([*find_pip(), "install", *options.split(), *target, "-r", UV_LOCK])
    return own


def find_pip() -> "list[str | Path]":
    """This Python's pip, which may be the system's: we only let it fill a directory of ours. Else one of our own."""
    if works(sys.executable, "-m", "pip"):
        return [sys.executable, "-m", "pip"]
    home = TOOLS / "pip"
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", home], capture_output=True)
    if made.returncode != 0:
        sys.exit("Python has neither pip nor venv. On Debian: apt-get install python3-venv.")
    return [home / "bin" / "python", "-m", "pip"]


def works(*program: "str | Path") -> bool:
    """Whether a program is there and runs."""
    try:
        return subprocess.run([*program, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def write_launcher() -> None:
    """Makes `.venv/bin/wafaa`. A `sh` in front, because a `#!` line can hold neither spaces nor a long path."""
    launcher = VENV / "bin" / "wafaa"
    text = LAUNCHER.format(python=VENV / "bin" / "python", backend=str(BACKEND))
    if not launcher.exists() or launcher.read_text() != text:
        launcher.write_text(text)
        launcher.chmod(0o755)


def build_web() -> None:
    """Installs the web workspace's packages and builds it, if its sources changed."""
    made_from = [WEB / "package-lock.json", WEB / "package.json"]
    once(
        WEB / "node_modules" / ".stamp",
        digest(made_from),
        "Web packages",
        ["ci", "--no-audit", "--no-fund"],
    )
    once(WEB / "dist" / ".stamp", digest(web_sources()), "Web pages", ["run", "build"])


def once(stamp: Path, made_from: str, name: str, npm: "list[str]") -> None:
    """Runs npm unless the stamp says that it ran on the same sources."""
    if stamp.exists() and stamp.read_text() == made_from:
        return
    with Step(name):
        path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        npm_command = [VENV / "bin" / "npm", "--silent", *npm]
        run(npm_command, cwd=WEB, env={**os.environ, "PATH": path})
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(made_from)


def web_sources() -> "list[Path]":
    """Every file of the workspace that people wrote."""
    made = {"node_modules", "dist"}
    files = (path for path in WEB.rglob("*") if path.is_file())
    return [path for path in files if not made & set(path.relative_to(WEB).parts)]


def digest(files: "list[Path]") -> str:
    """Tells two states of some files apart."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"")
    return total.hexdigest()


def run(command: "list[Any]", **options: Any) -> None:
    """Runs a command quietly; if it fails, shows what it said and ends."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode != 0:
        sys.exit(f"\n{done.stdout[-6000:]}\nThis failed: {' '.join(map(str, command))}")


class Step:
    """Says what takes a while, and how long it took."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Says what begins."""
        self.began = time.monotonic()
        print(f"· {self.name} …", end=" ", flush=True)

    def __exit__(self, *_: object) -> None:
        """Says how long it took."""
        print(f"{time.monotonic() - self.began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
