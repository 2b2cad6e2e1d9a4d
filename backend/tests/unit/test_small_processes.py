"""Parts load what they use: `docs/decisions/0010-small-processes.md`."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from app import models as _models  # noqa: F401  # Names every table.
from app.models.base import Base
from app.models.declared import tables
from app.models.staff import Staff

BACKEND = Path(__file__).parents[2]
HEAVY = ("sqlalchemy", "alembic", "rich", "pydantic.v1", "numpy", "onnxruntime", "pdfminer", "docx")


@pytest.mark.parametrize("part", ["serve", "work", "consume"])
def test_a_part_starts_without_what_it_never_uses(part: str) -> None:
    code = (
        f"import sys; from app.cli import starting; starting.begin(); import app.cli.{part}; "
        f"print([name for name in {HEAVY} if sys.modules.get(name)])"
    )
    argv = [sys.executable, "-c", code]
    said = subprocess.run(argv, cwd=BACKEND, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"


def test_a_row_is_a_plain_object_with_every_column() -> None:
    row = {"id": uuid4(), "email": "laila@example.com"}
    staff: Staff = Staff.of(row)
    assert (staff.id, staff.email, staff.created_at) == (row["id"], row["email"], None)


def test_a_column_that_nobody_declared_is_refused() -> None:
    with pytest.raises(TypeError, match="Staff has no column 'shoe_size'"):
        Staff(shoe_size=44)


def test_sqlalchemy_is_told_everything_once() -> None:
    told = tables(Base)
    assert told is tables(Base)
    assert {model.__tablename__ for model in _every(Base)} == set(told.tables)
    staff = told.tables["staff"]
    assert {"id", "email", "created_at"} <= set(staff.columns.keys())
    assert not staff.columns["email"].nullable


def _every(base: type[Base]) -> list[type[Base]]:
    below = [model for child in base.__subclasses__() for model in (child, *_every(child))]
    return [model for model in below if "__tablename__" in vars(model)]
