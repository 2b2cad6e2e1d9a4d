"""Every file in ``fixtures/`` is a plugin: what it offers, any test may ask for."""

import pkgutil
from pathlib import Path

_FIXTURES = Path(__file__).parent / "fixtures"

pytest_plugins = [
    f"tests.fixtures.{m.name}" for m in pkgutil.iter_modules([str(_FIXTURES)]) if m.name[0] != "_"
]
