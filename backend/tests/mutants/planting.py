"""A plugin for pytest: each killer runs as the product is, and again with each fault that it has to find.

A fault in a file is planted by giving the functions of the running module the code that they would have with it; one
in the database by changing the copy that the killer gets.
"""

import importlib
import re
from collections.abc import Iterator
from inspect import unwrap
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutants.mutants import MUTANTS, Mutant

NUMBERS = {mutant: f"@{number}" for number, mutant in enumerate(MUTANTS, 1)}
"""How a test is called that has a fault to find. The one without is called ``@0``."""

_DEFINITION = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname || '.' || p.proname = '{}'
"""


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many tests of a function as there are faults that it has to find, and one."""
    mine = [m for m in MUTANTS if m.killer.partition("[")[0] == metafunc.definition.nodeid]
    numbers = ["@0", *(NUMBERS[mutant] for mutant in mine)]
    metafunc.parametrize("planted", [None, *mine], indirect=True, ids=numbers)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Of a killer with parameters it is one of its tests that is meant."""
    killers = {mutant.killer for mutant in MUTANTS}
    items[:] = [item for item in items if _is_meant(item, killers)]


def _is_meant(item: pytest.Function, killers: set[str]) -> bool:
    mutant: Mutant | None = item.callspec.params["planted"]
    plain = re.sub(r"(\[|-)@\d+\]$", lambda found: "]" if found[1] == "-" else "", item.nodeid)
    return plain == mutant.killer if mutant else plain in killers


@pytest.fixture(autouse=True)
def planted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Comes before all other fixtures of a test."""
    mutant: Mutant | None = request.param
    with pytest.MonkeyPatch.context() as patch:
        if mutant:
            (_plant_in_module if "/" in mutant.place else _plant_in_databases)(mutant, patch)
        yield


def _plant_in_databases(mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    databases = importlib.import_module("tests.fixtures.servers").FreshDatabases
    make = databases.make

    def make_with_fault(self: Any, server: Any, migrate: Any = None) -> str:
        name: str = make(self, server, migrate)
        statement = mutant.instead
        if mutant.place.startswith("app."):
            rows = server.execute(_DEFINITION.format(mutant.place), database=name)
            # The release before may still call one of other arguments.
            statement = mutant.applied(next((text for (text,) in rows if mutant.code in text), ""))
        server.execute(statement, database=name)
        return name

    patch.setattr(databases, "make", make_with_fault)


def _plant_in_module(mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(mutant.place.removesuffix(".py").replace("/", "."))
    text = Path(str(module.__file__)).read_text("utf-8")
    before, after = _codes(text), _codes(mutant.applied(text))
    changed = [
        function
        for function in _functions(module, module)
        if _essence(before[function.__qualname__]) != _essence(after[function.__qualname__])
    ]
    assert changed, f"{mutant.name!r}: what is changed in {mutant.place} is no function."
    for function in changed:
        patch.setattr(function, "__code__", after[function.__qualname__])


def _codes(text: str) -> dict[str, CodeType]:
    """The code of each function and class of a module, by its name."""
    return {code.co_qualname: code for code in _within(compile(text, "planted", "exec"))}


def _within(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _within(one)


def _essence(code: CodeType) -> tuple[Any, ...]:
    """What a function does, wherever it stands."""
    consts = [_essence(one) if isinstance(one, CodeType) else one for one in code.co_consts]
    return code.co_code, code.co_names, consts


def _functions(owner: ModuleType | type, module: ModuleType) -> Iterator[FunctionType]:
    """The functions that a module defines, those of its classes among them."""
    for one in vars(owner).values():
        one = unwrap(getattr(one, "__func__", getattr(one, "fget", one)))
        if getattr(one, "__module__", None) != module.__name__:
            continue
        if isinstance(one, FunctionType) and one.__code__.co_filename == module.__file__:
            yield one
        elif isinstance(one, type):
            yield from _functions(one, module)
