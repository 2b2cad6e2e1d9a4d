"""Reads hostile files, each in a confined process of its own, and tells how it ended and what it cost.

``python -m tests.hostile.reader NAME…`` runs the product's own child for each, forked from one process that has loaded
the parsers: starting Python some hundred times would take longer than reading the files.
"""

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile

from app.core import plugins
from app.services.knowledge import _confined
from tests.hostile.files import Hostile, corpus


@dataclass(frozen=True)
class Read:
    """What became of a file.

    Attributes:
        name: What is wrong with it.
        code: How its process ended; below nothing: by which signal.
        written: What it wrote.
        peak: Bytes that it had in memory at most.
        cpu: Seconds that it computed.
    """

    name: str
    code: int
    written: str
    peak: int
    cpu: float


def read(names: Iterable[str], memory: int, cpu_seconds: int) -> Iterator[Read]:
    """Reads some files, one after the other."""
    for name in plugins.names(_confined.PARSERS):
        plugins.load(_confined.PARSERS, name)
    known = corpus()
    for name in names:
        yield _read(name, known[name], memory, cpu_seconds)


def _read(name: str, one: Hostile, memory: int, cpu_seconds: int) -> Read:
    asked = {"media_type": one.media_type, "filename": one.name[-255:]}
    head = json.dumps({**asked, "memory": memory, "cpu_seconds": cpu_seconds}).encode() + b"\n"
    with TemporaryFile() as file:
        file.write(head + one.make())
        file.seek(0)
        here, there = os.pipe()
        child = os.fork()
        if child == 0:
            _be_the_child(file.fileno(), there)
        os.close(there)
        with os.fdopen(here, "rb") as pipe:
            written = pipe.read()
        _, status, used = os.wait4(child, 0)
    cpu = used.ru_utime + used.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return Read(name, code, written.decode(), used.ru_maxrss * 1024, cpu)


def _be_the_child(given: int, told: int) -> None:
    """Ends with what the product's child ends with."""
    try:
        os.dup2(given, 0)
        os.dup2(told, 1)
        sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
        _confined.main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)


if __name__ == "__main__":
    memory, cpu_seconds, *wanted = sys.argv[1:]
    for one in read(wanted or corpus(), int(memory), int(cpu_seconds)):
        print(json.dumps(asdict(one)))  # noqa: T201
