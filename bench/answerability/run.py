"""Fits and measures the gate that decides when not to answer (``app/services/ai/answerability.py``).

    cd backend && PYTHONPATH=.:../bench/answerability ../.venv/bin/python ../bench/answerability/run.py --data DIRECTORY

Prints the coefficients to put into the code, and what the code's present ones achieve.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from cases import ROOT, SETS, Case, alone, businesses, embedding, public
from numpy.typing import NDArray

from app.services.ai import answerability
from app.services.ai.answerability import Other, Own, Signals

Numbers = NDArray[np.float64]
QUESTIONS = Path(__file__).with_name("questions.tsv")
BUSINESSES = ("cafe", "clinic", "gym")
WRONG, OFF_TOPIC = 0.10, 0.90
"""At most so many good questions refused, at least so many of the others: on questions as businesses get them."""

OWN_AT, OTHER_AT = 0.40, 0.75
"""Where each model opens the gate; folded into its bias, so that the code has one threshold of 0.5. Words of the
same language are better evidence than another language's vectors."""

SHARES = {"cafe": 1.0, "clinic": 1.0, "gym": 1.0, "xquad-en": 0.5, "arcd": 0.5}
HARD, ONE = 0.15, 0.4
"""What a question counts whose article is still there, and one to a business of a single passage."""


@dataclass(frozen=True, slots=True)
class Table:
    """The cases as columns."""

    cases: list[Case]
    signals: list[Signals]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each can be answered."""
        return np.array([case.answerable for case in self.cases])

    def weights(self, held_out: str = "") -> Numbers:
        """What each counts in the fit: sources by their shares, answerable and not alike."""
        keys = [self._key(case, signals, held_out) for case, signals in self._both]
        sizes = {key: keys.count(key) for key in set(keys) if key}
        return np.array([key[-1] / sizes[key] * 200 if key else 0.0 for key in keys])

    @property
    def _both(self) -> list[tuple[Case, Signals]]:
        return list(zip(self.cases, self.signals, strict=True))

    @staticmethod
    def _key(case: Case, signals: Signals, held_out: str) -> tuple[str, bool, bool, float] | None:
        base, _, one = case.source.partition("/")
        if signals.own is None or case.kind == "foreign" or base == held_out:
            return None
        share = SHARES[base] * (ONE if one else 1.0) * (HARD if case.kind == "hard" else 1.0)
        return case.source, case.answerable, case.kind == "hard", share


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic model."""

    weights: Numbers
    bias: float

    def __call__(self, x: Numbers) -> Numbers:
        """Probabilities."""
        return 1.0 / (1.0 + np.exp(-(x @ self.weights + self.bias)))


def fit(x: Numbers, y: NDArray[np.bool_], weights: Numbers, ridge: float = 1.0) -> Model:
    """Weighted ridge logistic regression, by Newton's method."""
    mean, deviation = np.average(x, axis=0, weights=weights), x.std(axis=0) + 1e-9
    z = np.c_[(x - mean) / deviation, np.ones(len(x))]
    penalty = np.diag([ridge] * x.shape[1] + [0.0])
    beta = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(z @ beta)))
        hessian = (z * (weights * p * (1 - p))[:, None]).T @ z + penalty
        step = np.linalg.solve(hessian, z.T @ (weights * (p - y)) + penalty @ beta)
        beta = beta - step
        if np.abs(step).max() < 1e-9:
            break
    slopes = beta[:-1] / deviation
    return Model(slopes, float(beta[-1] - (slopes * mean).sum()))


def fit_own(table: Table, held_out: str = "") -> Model:
    """The model of passages in the question's language."""
    x = np.array([astuple(s.own or Own()) for s in table.signals])
    return fit(x, table.right, table.weights(held_out))


def fit_other(table: Table) -> Model:
    """The model of passages in another language: only what the own language can't answer teaches it."""
    chosen = [
        (case, signals.other)
        for case, signals in table._both
        if case.source in BUSINESSES and signals.other and case.kind != "answerable"
    ]
    right = np.array([case.answerable for case, _ in chosen])
    x = np.array([astuple(other) for _, other in chosen])
    return fit(x, right, np.where(right, 4.0, 1.0))


def shifted(model: Model, at: float) -> Model:
    """The model that says 0.5 where this one says ``at``."""
    return Model(model.weights, model.bias - float(np.log(at / (1 - at))))


def auroc(good: Numbers, bad: Numbers) -> float:
    """How often a good case scores above a bad one."""
    wins = (good[:, None] > bad[None, :]).mean() + 0.5 * (good[:, None] == bad[None, :]).mean()
    return round(float(wins), 3)


def measure(table: Table, scores: Numbers) -> list[dict[str, object]]:
    """Refusals and AUROC by source and language."""
    keys = sorted({(_group(case), case.language) for case in table.cases})
    return [_row(table.cases, scores, group, language) for group, language in keys]


def _row(cases: Sequence[Case], scores: Numbers, group: str, language: str) -> dict[str, object]:
    mine = [i for i, c in enumerate(cases) if _group(c) == group and c.language == language]
    by_kind = {
        kind: scores[[i for i in mine if cases[i].kind == kind]]
        for kind in sorted({cases[i].kind for i in mine})
    }
    good = by_kind.pop("answerable")
    row: dict[str, object] = {"cases": group, "language": language, "questions": len(good)}
    row["wrongly_refused"] = round(float((good < 0.5).mean()), 3)
    if "foreign" in by_kind:
        row["foreign_answered"] = round(float((by_kind.pop("foreign") >= 0.5).mean()), 3)
    for kind, bad in by_kind.items():
        row[kind] = {"auroc": auroc(good, bad), "refused": round(float((bad < 0.5).mean()), 3)}
    if {"near", "far"} <= by_kind.keys():
        both = np.r_[by_kind["near"], by_kind["far"]]
        row["off_topic_refused"] = round(float((both < 0.5).mean()), 3)
    return row


def _group(case: Case) -> str:
    base, _, one = case.source.partition("/")
    return ("businesses" if base in BUSINESSES else base) + (", one passage" if one else "")


def held_out(table: Table) -> Numbers:
    """Scores of the own language's model for each source, from models that never saw that source."""
    x = np.array([astuple(s.own or Own()) for s in table.signals])
    base = np.array([case.source.partition("/")[0] for case in table.cases])
    scores = np.zeros(len(base))
    for source in SHARES:
        mine = base == source
        scores[mine] = shifted(fit_own(table, source), OWN_AT)(x[mine])
    return scores


def written(model: Model, kind: type[Own] | type[Other]) -> dict[str, float]:
    """A model as it is put into the code."""
    names = [field.name for field in fields(kind)]
    found = {n: round(float(w), 2) for n, w in zip(names, model.weights, strict=True)}
    return found | {"bias": round(model.bias, 2)}


async def gather(data: Path, home: Path) -> list[Case]:
    """Every case."""
    async with embedding(home) as embedder:
        found = await businesses(embedder, QUESTIONS.read_text("utf-8"))
        for name in SETS:
            found += await public(embedder, name, data)
    return [*found, *alone(found)]


def main() -> int:
    """Prints the report; fails if the code's gate misses its working point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("EVALUATION_DATA", ROOT.parent / "shared" / "data")
    home = Path(tempfile.gettempdir(), "wafaa-tests")
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--home", type=Path, default=home, help="keeps the model")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    options = parser.parse_args()
    found = asyncio.run(gather(options.data, options.home))
    table = Table(found, [answerability.signals(c.question, c.language, c.passages) for c in found])
    present = np.array([answerability.probability(s) for s in table.signals])
    results = measure(table, present)
    report = {
        "fitted": {
            "own": written(shifted(fit_own(table), OWN_AT), Own),
            "other": written(shifted(fit_other(table), OTHER_AT), Other),
        },
        "held_out_own_language": measure(table, held_out(table)),
        "results": results,
    }
    business = [r for r in results if r["cases"] == "businesses"]
    met = all(r["wrongly_refused"] <= WRONG and r["off_topic_refused"] >= OFF_TOPIC for r in business)  # type: ignore[operator]  # Floats.
    text = json.dumps({"race": "answerability", "met": met, **report}, ensure_ascii=False, indent=1)
    print(text)  # noqa: T201 - its output.
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
