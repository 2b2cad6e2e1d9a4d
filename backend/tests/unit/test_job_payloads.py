"""A job's payload rests as it is: it holds ids, and nothing that anybody wrote."""

from dataclasses import fields
from typing import get_type_hints
from uuid import UUID

import pytest

from app import bootstrap
from app.services.queue.jobs import JobBase


def _all(kind: type[JobBase]) -> list[type[JobBase]]:
    below = [one for child in kind.__subclasses__() for one in _all(child)]
    return [kind, *below] if kind is not JobBase else below


JOBS = _all(JobBase)


def test_there_are_jobs_and_bootstrap_names_them() -> None:
    assert {"AnswerMessage", "DeliverMessage", "IndexDocument"} <= {job.__name__ for job in JOBS}
    assert bootstrap


@pytest.mark.parametrize("job", JOBS)
def test_a_job_holds_ids_and_numbers_alone(job: type[JobBase]) -> None:
    kinds = get_type_hints(job)
    assert {kinds[one.name] for one in fields(job)} <= {UUID, int}  # type: ignore[arg-type]  # Each is a dataclass.
