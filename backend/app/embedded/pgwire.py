"""As much of PostgreSQL's protocol as a manager needs: one statement over a Unix socket, answered or not.

Only a session that really opens proves that a server runs; drivers of ours are asynchronous, starting isn't.
"""

import socket
import struct
from pathlib import Path

from app.core.errors import Unavailable

_PROTOCOL = 196608  # Version 3.0.
Row = tuple[str | None, ...]


def execute(path: Path, sql: str, *, database: str = "postgres", seconds: float = 2.0) -> list[Row]:
    """Runs one statement as ``postgres`` and gives its rows as text.

    Args:
        path: The server's socket, which asks for no password.
        sql: One statement.
        database: Where it runs.
        seconds: How long any single step may take.

    Raises:
        Unavailable: Nobody answers, or the server refuses; the message is the server's.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(_startup(database))
            _read_until_ready(connection)
            connection.sendall(_message(b"Q", sql.encode() + b"\0"))
            return _read_until_ready(connection)
    except OSError as error:
        raise Unavailable(f"PostgreSQL doesn't answer at {path}: {error}.") from error


def identifier(name: str) -> str:
    """Quotes a name."""
    return '"' + name.replace('"', '""') + '"'


def _startup(database: str) -> bytes:
    fields = f"user\0postgres\0database\0{database}\0application_name\0wafaa\0\0".encode()
    return struct.pack("!ii", len(fields) + 8, _PROTOCOL) + fields


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read_until_ready(connection: socket.socket) -> list[Row]:
    rows: list[Row] = []
    while True:
        kind, length = struct.unpack("!ci", _read(connection, 5))
        body = _read(connection, length - 4)
        match kind:
            case b"E":
                raise Unavailable(f"PostgreSQL refuses: {_error_text(body)}.")
            case b"D":
                rows.append(_row(body))
            case b"Z":
                return rows


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ConnectionResetError("it hung up")
        received += chunk
    return received


def _row(body: bytes) -> Row:
    (count,) = struct.unpack_from("!h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return tuple(values)


def _error_text(body: bytes) -> str:
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    return fields.get(b"M", "without a reason")
