"""Races. The product is imported from the checkout that they stand in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))
