"""Where a tool is told to look away, the reason stands beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2]
MARK = re.compile(
    r"#\s*(?:noqa|type:\s*ignore|nosec|pragma:\s*no\s+cover)\b(?::?\s*\[?[A-Z]\w*\d\b\]?|\[[\w, -]+\])?"
)


def unexplained(source: str) -> Iterator[int]:
    """Lines with a mark that have no word of explanation, on them or in a comment above."""
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if not (mark := MARK.search(line)):
            continue
        said = re.sub(r"[\W_]", "", MARK.sub("", line[mark.start() :]))
        above = lines[number - 1].strip() if number else ""
        if not said and not above.startswith("# "):
            yield number + 1


def test_every_exception_from_a_rule_is_explained_in_place() -> None:
    files = [
        path for part in ("app", "simulators") for path in sorted((BACKEND / part).rglob("*.py"))
    ]
    assert len(files) > 100
    found = [
        f"{path.relative_to(BACKEND)}:{number}"
        for path in files
        for number in unexplained(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "explained"),
    [
        ("run(argv)  # noqa: S603", False),
        ("run(argv)  # noqa: S603 - our own.", True),
        ("sha1()  # noqa: S303  # nosec B303", False),
        ("sha1()  # noqa: S303  # nosec B303 - RFC 6238.", True),
        ("call()  # type: ignore[no-untyped-call]", False),
        ("call()  # type: ignore[no-untyped-call] # It ships none.", True),
        ("# It ships none.\ncall()  # type: ignore", True),
        ("one()  # why\ntwo()  # noqa", False),
    ],
)
def test_what_explains(line: str, explained: bool) -> None:
    assert (list(unexplained(line)) == []) is explained
