"""An answer in the making: sentences are taken one by one, and only what passes its checks is kept."""

from dataclasses import dataclass, field
from typing import Any

from app.services.ai.base import Prompt
from app.services.ai.grounding import Checked, Checker
from app.services.ai.leaks import recites
from app.services.ai.llm_gateway import Reply

NO_ANSWER_MARK = "NO_ANSWER"
MOST_SENTENCES = 12
"""The rules ask for five at most; whoever writes on and on is stopped."""


@dataclass(frozen=True, slots=True)
class Released:
    """A sentence that has passed its checks, with its white space."""

    text: str


@dataclass(slots=True)
class Draft:
    """What was written and kept so far.

    Attributes:
        prompt: What is answered.
        checker: Holds sentences against the passages.
        kept: The sentences that passed, in order.
        problems: Why others didn't, in all drafts together.
        replies: What models answered.
        refused: Whether a model said that it doesn't know.
        failed: Whether the present attempt must stop.
    """

    prompt: Prompt
    checker: Checker
    kept: list[Checked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    refused: bool = False
    failed: bool = False

    def take(self, sentence: str) -> Released | None:
        """Checks a sentence; what passes is kept, what fails ends the attempt."""
        if NO_ANSWER_MARK in sentence:
            self.refused = True
            return None
        checked = self.checker.check(sentence)
        if recites(checked.text, self.prompt.system):
            self.fail("leak: it recites the rules")
        elif checked.violations:
            self.fail(*(f"{v.rule}: {v.text}" for v in checked.violations))
        else:
            self.kept.append(checked)
            return Released(checked.text)
        return None

    def fail(self, *problems: str) -> None:
        """Ends the attempt, for these reasons."""
        self.problems += problems
        self.failed = True

    def retry(self) -> None:
        """Begins another attempt."""
        self.failed = self.refused = False

    @property
    def over(self) -> bool:
        """Whether no further sentence may follow."""
        return self.refused or self.failed or len(self.kept) >= MOST_SENTENCES

    @property
    def cites(self) -> bool:
        """Whether something was kept that rests on a passage; courtesy alone is no answer."""
        return any(checked.citations for checked in self.kept)

    @property
    def checks(self) -> dict[str, Any]:
        """What the checks found, for the trace."""
        return {"passed": len(self.kept), "problems": self.problems, "refused": self.refused}
