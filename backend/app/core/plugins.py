"""Finds adapters: every file of a seam's folder is one, and its file name is its name."""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

from app.core.errors import NotFound


@cache
def names(package: str) -> tuple[str, ...]:
    """Lists the adapters of a seam without importing them.

    Args:
        package: Dotted name of the seam's folder, such as ``app.services.channels``.
    """
    found = pkgutil.iter_modules(import_module(package).__path__)
    return tuple(sorted(m.name for m in found if not m.name.startswith("_") and m.name != "base"))


@cache
def load(package: str, name: str) -> ModuleType:
    """Imports one adapter of a seam.

    Only a listed name is imported, so a value from a URL or a row can't import anything else.

    Raises:
        NotFound: The seam has no such file.
    """
    if name not in names(package):
        seam = package.rpartition(".")[2]
        raise NotFound(f"There is no such name among {seam}, only {', '.join(names(package))}.")
    return import_module(f"{package}.{name}")
