"""No pattern takes longer than its text is long: check 52."""

import ast
import importlib
import pkgutil
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import app
from tests.unit.adversarial import attacks

SIZE = 1_500
SUSPICIOUS = 0.0006
"""CPU seconds: nearly all take less than a tenth of it, and whoever takes more is looked at closely."""
GROWTH = 8.0
"""For four times the text: 4 is linear, 16 quadratic."""
TOO_LONG = 1.0
STOPS_EARLY = {
    "app.services.knowledge.parsers._pdf_content._TOKEN": "Its reader gives up at the first byte that it can't read."
}
"""Never asked for what comes after a failure."""

ANCHORED = ("fullmatch", "match")
SEARCHES = ("finditer", "search", "sub", "findall", "split")


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(app.__path__, "app."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _compiled(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    """The patterns in a module's value, however they are kept."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict) and depth < 3:
        yield from _compiled([*value, *value.values()], depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 3:
        for one in value:
            yield from _compiled(one, depth + 1)


def _inline(tree: ast.AST) -> Iterator[tuple[int, str, Any]]:
    """Patterns that are written where they are used, and how."""
    for call in ast.walk(tree):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=how),
                args=[ast.Constant(value=text), *_],
            ) if how in (*ANCHORED, *SEARCHES):
                yield call.lineno, how, re.compile(text)


def _uses(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Which names are asked in which way: ``_KEY.fullmatch``, ``_FORMS[name].search``."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(
                value=ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)), attr=how
            ):
                yield name, how


def patterns() -> dict[tuple[Any, int, str], str]:
    """Every pattern of the product with the way it's asked, and where it stands."""
    found: dict[tuple[Any, int, str], str] = {}
    for module in _modules():
        tree = ast.parse(Path(str(module.__file__)).read_text())
        uses = set(_uses(tree))
        for name, value in vars(module).items():
            hows = {how for used, how in uses if used == name} & {*ANCHORED, *SEARCHES}
            how = hows.pop() if len(hows) == 1 and hows <= {*ANCHORED} else "finditer"
            for pattern in _compiled(value):
                found[pattern.pattern, pattern.flags, how] = f"{module.__name__}.{name}"
        for line, how, pattern in _inline(tree):
            asked = how if how in ANCHORED else "finditer"
            found[pattern.pattern, pattern.flags, asked] = f"{module.__name__}:{line}"
    return found


class _TookTooLong(Exception):
    pass


def _stop(*_: object) -> None:
    raise _TookTooLong


def _seconds(pattern: re.Pattern[Any], how: str, text: str, tries: int = 1) -> float:
    """CPU time, the least of some tries; a pattern that never ends is stopped."""
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    least = TOO_LONG
    signal.setitimer(signal.ITIMER_VIRTUAL, TOO_LONG)
    try:
        for _ in range(tries):
            begun = time.thread_time()
            if how == "finditer":
                for _found in pattern.finditer(given):
                    pass
            else:
                getattr(pattern, how)(given)
            least = min(least, time.thread_time() - begun)
    except _TookTooLong:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return least


def worst(pattern: re.Pattern[Any], how: str) -> str | None:
    """A text on which it grows faster than the text, if there is one."""
    for attack in attacks(pattern):
        at_hand = attack.text(SIZE)
        if min(_seconds(pattern, how, at_hand, n) for n in (1, 4)) < SUSPICIOUS:
            continue
        once = _seconds(pattern, how, at_hand, 5)
        growth = _seconds(pattern, how, attack.text(4 * SIZE), 3) / once
        if growth > GROWTH or once >= TOO_LONG / 4:
            return f"{once * 1000:.0f} ms, {growth:.0f} times that for four times {at_hand[:20]!r}…{at_hand[-3:]!r}"
    return None


@pytest.fixture(autouse=True)
def stopwatch() -> Iterator[None]:
    before = signal.signal(signal.SIGVTALRM, _stop)
    yield
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.timeout(900)  # Half a minute of CPU, which may be shared with many.
def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    """Check 52: every pattern of the product, on texts that are made against it."""
    known = patterns()
    assert len(known) > 200
    slow = [
        f"{where}: {text!r}: {said}"
        for (text, flags, how), where in known.items()
        if where not in STOPS_EARLY and (said := worst(re.compile(text, flags), how))
    ]
    assert not slow, "\n".join(slow)


@pytest.mark.parametrize(
    "planted",
    [r"\s+$", r"(?:a+)+b", r"[a-z]+\d", r"(\w+)@", r"<!--.*?-->x", r"(?:\d+,?)*k", r"a.*b.*c"],
)
def test_the_audit_finds_what_is_planted(planted: str) -> None:
    assert worst(re.compile(planted), "finditer")


@pytest.mark.parametrize(
    "fine", [r"\s+", r"(?<!\s)\s++$", r"[a-z]+", r"^\w+@", r"a{1,4}b", r"\d+(?:,\d+)*"]
)
def test_the_audit_passes_what_is_linear(fine: str) -> None:
    assert worst(re.compile(fine), "finditer") is None
