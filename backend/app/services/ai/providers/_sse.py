"""Reads server-sent events out of a byte stream, cheaply: the payload's bytes, nothing else."""

from collections.abc import AsyncIterator

LONGEST_LINE = 64 * 1024


class TooLong(ValueError):
    """A line never ended."""


async def payloads(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes after ``data:`` of each event, as soon as its line is complete.

    Args:
        chunks: The body, cut anywhere.

    Raises:
        TooLong: A line is longer than any event of a provider.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
        if len(rest) > LONGEST_LINE:
            raise TooLong
