"""The page of promises is true of the tests: what it names is there, and each numbered check is claimed by a test."""

import re
from pathlib import Path

BACKEND = Path(__file__).parents[2]
TESTS = BACKEND / "tests"
PAGE = (BACKEND.parent / "docs" / "security.md").read_text()
MAKEFILE = (BACKEND.parent / "Makefile").read_text()
_LIST = re.compile(r"[Cc]hecks? (\d[\d, –]*(?:and \d+)?)")
NUMBERED = {*range(1, 33), *range(43, 54), *range(75, 79)}
"""Isolation, identity, input and privacy: each of their checks is claimed in a test's docstring."""


def _claims() -> dict[Path, set[int]]:
    """The numbers that docstrings claim, by file: "Check 8", "Checks 6, 7 and 10", "Checks 17–19"."""
    return {
        path: {number for one in _LIST.findall(path.read_text()) for number in _numbers(one)}
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
    }


def _numbers(text: str) -> set[int]:
    ranges = (
        re.fullmatch(r"(\d+)–(\d+)", part) for part in re.split(r", | and ", text.strip(" ,"))
    )
    spans = {n for r in ranges if r for n in range(int(r[1]), int(r[2]) + 1)}
    return spans | {int(n) for n in re.findall(r"\d+", text)}


def _rows() -> dict[int, str]:
    """Each number of the page's table with what it says of it."""
    rows = re.findall(r"^\| ([\d–]+) \| (.+) \|$", PAGE, re.MULTILINE)
    return {number: said for numbers, said in rows for number in _numbers(numbers)}


def test_every_command_names_tests_that_are_there() -> None:
    commands = re.findall(r"`pytest ([^`]+)`", PAGE)
    assert len(commands) > 40
    for command in commands:
        paths = [word for word in command.split() if word.startswith("tests/")]
        assert paths, command
        assert all((BACKEND / path).exists() for path in paths), command
        if wanted := re.search(r"-k (\w+)", command):
            named = "".join((BACKEND / path).read_text() for path in paths)
            assert re.search(rf"def test_\w*{wanted[1]}", named), command


def test_every_make_target_is_there() -> None:
    targets = re.findall(r"`make ([\w-]+)`", PAGE)
    assert targets
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)


def test_every_check_is_on_the_page_and_names_files_that_are_there() -> None:
    rows = _rows()
    assert set(rows) == set(range(1, 79))
    for number, said in rows.items():
        for path in re.findall(r"`((?:unit|stories|contracts|isolation|browser)/\w+\.py)`", said):
            assert (TESTS / path).is_file(), (number, path)


def test_whoever_the_page_names_for_a_check_claims_it() -> None:
    claims = {path.relative_to(TESTS).as_posix(): numbers for path, numbers in _claims().items()}
    silent = [
        f"{path}: {number}"
        for number, said in _rows().items()
        for path in re.findall(r"`((?:unit|stories|contracts|isolation|browser)/\w+\.py)`", said)
        if number in NUMBERED and number not in claims[path]
    ]
    assert silent == []


def test_every_check_is_claimed_by_a_test() -> None:
    claimed = set[int]().union(*_claims().values())
    assert claimed >= NUMBERED


def test_whoever_claims_a_check_is_named_where_the_page_tells_of_it() -> None:
    rows = _rows()
    unnamed = [
        f"{path.relative_to(TESTS)}: {number}"
        for path, numbers in _claims().items()
        for number in numbers
        if path.name not in rows[number] and f"`{path.parent.name}/`" not in rows[number]
    ]
    assert unnamed == []
