"""Faults planted in the product, each with the test that has to find it.

A mutant is a piece of code and what stands in its place; when the code has changed so that the piece isn't there any
more, planting fails, and the mutant has to be thought over again.
"""

from dataclasses import dataclass

STORIES, CONTRACTS, UNIT = "tests/stories/", "tests/contracts/", "tests/unit/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted fault.

    Attributes:
        name: What is wrong with the product then.
        file: Where, from ``backend``.
        code: The piece that is replaced; it stands there exactly once.
        instead: What stands there then.
        killer: The test that must fail.
    """

    name: str
    file: str
    code: str
    instead: str
    killer: str


def _m(name: str, file: str, code: str, instead: str, killer: str) -> Mutant:
    return Mutant(name, file, code, instead, killer)


MUTANTS = (
    _m(
        "whoever opted out is answered",
        "app/services/orchestrator/intent_router.py",
        "    if wish or session.opted_out:\n        return wish or Silent()",
        "    if wish:\n        return wish",
        STORIES + "test_pipeline_turns.py::test_who_opts_out_hears_no_more_until_they_ask_again",
    ),
    _m(
        "any signature will do",
        "app/services/channels/_meta.py",
        "    if _matches(request.body, claimed, secrets):",
        "    if claimed or _matches(request.body, claimed, secrets):",
        STORIES
        + "test_pipeline_intake.py::test_a_wrong_signature_is_refused_and_an_unknown_business_not_found",
    ),
    _m(
        "a limit is never reached",
        "app/core/limits.py",
        "        admitted = all(d + c.price <= c.limit.bound for d, c in zip(debts, charges, strict=True))",
        "        admitted = True",
        CONTRACTS + "test_limits.py",
    ),
    _m(
        "the same key with another body is the same request",
        "app/core/once.py",
        '            fingerprint=self._derive(b"request", whose.digest() + request),',
        '            fingerprint=self._derive(b"request", whose.digest()),',
        UNIT + "test_once.py",
    ),
    _m(
        "a circuit never opens",
        "app/core/resilience.py",
        "circuit.failures >= self._threshold:",
        "circuit.failures >= self._threshold + 10**6:",
        CONTRACTS + "test_breakers.py",
    ),
)
