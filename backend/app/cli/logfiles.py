"""The logs of the parts, one file each, cut when they grow too long."""

from pathlib import Path
from typing import IO

_LONGEST = 10 * 1024 * 1024


class LogFiles:
    """Takes the parts' output. Two files a part at most: the present one, and the one before."""

    def __init__(self, directory: Path, *, aloud: bool) -> None:
        """Opens nothing yet.

        Args:
            directory: Where the files are.
            aloud: Says every line on the terminal too.
        """
        self.directory = directory
        self._aloud = aloud
        self._files: dict[str, IO[bytes]] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, line: bytes) -> None:
        """Keeps one line of a part."""
        from app.embedded.supervisor import to_stdout

        file = self._file(name)
        file.write(line + b"\n")
        file.flush()
        if self._aloud:
            to_stdout(name, line)

    def last_words(self, name: str, lines: int = 3) -> str:
        """The end of a part's log."""
        path = self._path(name)
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()

    def _file(self, name: str) -> IO[bytes]:
        file = self._files.get(name)
        if file is None or file.tell() > _LONGEST:
            if file is not None:
                file.close()
            file = self._files[name] = self._open(name)
        return file

    def _open(self, name: str) -> IO[bytes]:
        path = self._path(name)
        if path.exists() and path.stat().st_size > _LONGEST:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.log"
