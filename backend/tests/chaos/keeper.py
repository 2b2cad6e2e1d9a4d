"""``python -m tests.chaos.keeper HOME``: runs database and cache, and crashes and restarts them when told to.

A process of its own: while a server comes back, people go on writing and the platform goes on answering.
"""

import os
import signal
import sys
from pathlib import Path

from app.embedded.postgres import EmbeddedPostgres
from app.embedded.processes import wait_until
from app.embedded.server import EmbeddedServer
from app.embedded.valkey import EmbeddedValkey

CRASHES = {
    "database": signal.SIGQUIT,  # What `pg_ctl stop -m immediate` sends.
    "cache": signal.SIGKILL,
}


def servers(home: Path) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
    """Both, for whoever wants to know where they listen."""
    return EmbeddedPostgres(home, max_connections=150), EmbeddedValkey(home)


def main() -> None:
    """One line in: which; one line out: it is back."""
    database, cache = servers(Path(sys.argv[1]))
    with database, cache:
        _say("up")
        for line in sys.stdin:
            which = line.strip()
            _crash(database if which == "database" else cache, CRASHES[which])
            _say("back")


def _crash(server: EmbeddedServer, number: signal.Signals) -> None:
    leader = server.leader()
    if leader is not None:
        os.kill(leader, number)
        wait_until(lambda: server.leader() != leader, 10)
    server.stop()  # Collects what is left of it.
    server.start()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
