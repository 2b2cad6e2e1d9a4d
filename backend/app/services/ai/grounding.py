"""Holds a draft against the passages it cites: what doesn't stand there is not sent."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.services.ai import dates, links
from app.services.ai.base import Question
from app.services.ai.claims import Claim, Kind
from app.services.ai.evidence import Evidence, Fact, Line, evidence, negated
from app.services.ai.lexicon import CONTACT_CUES, COURTESY, DENIAL, PRICE_CUES
from app.services.ai.reading import Reading, spoken
from app.services.ai.text import citations, fold, sanitise, script_of, without_citations
from app.services.knowledge.base import Passage

LEAST_SUPPORT = 0.34
"""Share of a sentence's content stems that its passage must know; below, the sentence is about something else."""

SLACK = {Kind.MONEY: 0.5, Kind.PERCENT: 0.5}
"""How much better another fact of the passage may fit before an amount is taken to be swapped; 1 for other kinds."""

_EXACT = frozenset((Kind.LINK, Kind.EMAIL, Kind.PHONE))
_NOT_OWN = _EXACT | {Kind.PROMISE}
_VALUED = frozenset((Kind.NUMBER, Kind.MONEY, Kind.PERCENT, Kind.DURATION))
_CITED_UNIT = re.compile(
    r"\d\s*[\[［【]\d+[\]］】]\s*\d|[\[［【]\d+[\]］】]\s*(?:sar|usd|aed|egp|riyals?|dollars?|percent|ريال|درهم|جنيه|دينار|دولار|ر\.س|[%٪$€£﷼])",
    re.I,
)
_NAME = re.compile(r"(?<![.!?:\n])(?<![.!?:\n] )\b[A-Z][A-Za-z'’-]{2,}")


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a sentence may not be sent: a rule, and the words at fault."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence that was held against its passages.

    Attributes:
        text: What may be sent: sanitised, its citations made right.
        citations: Numbers of the passages it rests on.
        violations: Empty when it passed.
    """

    text: str
    citations: tuple[int, ...]
    violations: tuple[Violation, ...] = ()


class Checker:
    """Checks the sentences of one draft. Pure: no clock, no network."""

    def __init__(self, passages: Sequence[Passage], question: Question) -> None:
        self._passages = passages
        self._question = question
        self._asked = Reading(question.text)
        self._client = Reading(question.persona.client_name)

    def check(self, sentence: str) -> Checked:
        """The sentence with its citations made right, and what is wrong with it."""
        text = sanitise(sentence)
        cited = citations(text)
        if wrong := [n for n in cited if not 1 <= n <= len(self._passages)]:
            return Checked(text, (), (Violation("citation", str(wrong[0])),))
        if _CITED_UNIT.search(text):
            return Checked(text, cited, (Violation("citation", text.strip()),))
        return self._cited(text, cited) if cited else self._uncited(text)

    def _uncited(self, text: str) -> Checked:
        """Courtesy and "I don't know" need no passage; anything else is tried on each, best first."""
        said = self._read(text, self._passages)
        sources = [evidence(p) for p in self._passages]
        polite = (
            DENIAL.search(said.folded)
            or COURTESY.search(said.folded)
            or said.folded.rstrip().endswith("?")
        )
        if (
            not said.claims
            and (polite or not said.stems)
            and not self._strangers(text, sources)
            and self._is_small(said)
        ):
            return Checked(text, ())
        order = sorted(range(len(sources)), key=lambda i: -len(said.stems & sources[i].stems))
        tried = [self._cited(text, (i + 1,)) for i in order[:3]]
        if passed := next((c for c in tried if not c.violations), None):
            return replace(passed, text=cite(text, passed.citations))
        return tried[0] if tried else Checked(text, (), (Violation("source", text.strip()),))

    def _is_small(self, said: Reading) -> bool:
        """Whether a sentence without source says little beside its courtesy."""
        unknown = said.stems - self._asked.stems - self._client.stems
        return bool(DENIAL.search(said.folded)) or len(unknown) <= 8

    def _cited(self, text: str, cited: tuple[int, ...]) -> Checked:
        """A sentence against the passages it cites."""
        passages = [self._passages[n - 1] for n in cited]
        bare = without_citations(text)
        found = self._violations(bare, self._read(bare, passages), [evidence(p) for p in passages])
        return Checked(text, cited, tuple(found))

    def _read(self, text: str, passages: Sequence[Passage]) -> Reading:
        """A sentence; one that is quoted word for word was read with its passage."""
        quoted = (part for p in passages for part in spoken(p) if part.text.strip() == text.strip())
        return next(quoted, None) or Reading(text)

    def _violations(
        self, text: str, said: Reading, sources: Sequence[Evidence]
    ) -> Iterator[Violation]:
        for claim in said.claims:
            if not self._stands(claim, said, sources):
                yield Violation(claim.kind.value, claim.text)
        yield from (Violation("name", name) for name in self._strangers(text, sources))
        script = script_of(text)
        same_language = [s for s in sources if s.language == script]
        if not same_language and script not in (None, self._question.language):
            yield Violation("language", text.strip())
        if not same_language or DENIAL.search(said.folded):
            return
        known = self._asked.stems.union(*(s.stems for s in sources))
        if len(said.stems) >= 2 and len(said.stems & known) < LEAST_SUPPORT * len(said.stems):
            yield Violation("support", text.strip())
        if flipped := _flipped(said, same_language):
            yield Violation("polarity", flipped)

    def _stands(self, claim: Claim, said: Reading, sources: Sequence[Evidence]) -> bool:
        """Whether a claim stands in a cited passage, bound to what is said of it, or in the contact's own words."""
        facts = [fact for source in sources for fact in source.facts]
        evident = [fact for fact in facts if stands(claim, fact.claim)]
        if claim.kind is Kind.PROMISE or claim.kind in _EXACT:
            return bool(evident)
        bound = bool(evident) and self._is_bound(claim, said, facts, evident)
        return bound or self._is_own(claim, said.folded)

    def _is_bound(
        self, claim: Claim, said: Reading, facts: Sequence[Fact], evident: Sequence[Fact]
    ) -> bool:
        """Whether a passage says it of the same, and no other fact of the passage fits better."""
        about = claim.near or said.stems
        if not any(about & fact.context for fact in facts):
            if claim.kind not in (Kind.MONEY, Kind.PERCENT):
                return True  # "1973." speaks of nothing itself; only prices are then bound to the question.
            about |= self._asked.stems
        best = max(evident, key=lambda f: f.fit(about))
        if not best.context - about:
            return True
        rivals = (
            f
            for f in facts
            if _rivals(claim, f.claim) and not any(stands(c, f.claim) for c in said.claims)
        )
        slack = SLACK.get(claim.kind, 1.0)
        return max((f.fit(about) for f in rivals), default=0.0) <= best.fit(about) + slack

    def _is_own(self, claim: Claim, folded: str) -> bool:
        """Whether the contact said it. A price needs to be spoken of as theirs: nobody haggles the assistant down."""
        own = (c for c in self._asked.claims if c.kind not in _NOT_OWN)
        if not any(stands(claim, one) for one in own):
            return False
        if claim.kind in (Kind.MONEY, Kind.PERCENT):
            return bool(CONTACT_CUES.search(folded)) and not PRICE_CUES.search(folded)
        return True

    def _strangers(self, text: str, sources: Sequence[Evidence]) -> list[str]:
        """Names in Latin letters that neither the passages nor the contact know."""
        latin = [s for s in sources if s.is_latin]
        names = _NAME.finditer(text) if latin else ()
        return [
            match[0]
            for match in names
            if not self._knows(fold(match[0]).removesuffix("'s")[:5], latin)
            and not _opens(text, match)
        ]

    def _knows(self, name: str, sources: Sequence[Evidence]) -> bool:
        """Whether a name's beginning stands in the passages, in what the contact said, or in everyday English."""
        own = (self._asked.folded, self._client.folded, _COMMON)
        return any(name in words for words in (*(s.words for s in sources), *own))


def _opens(text: str, match: re.Match[str]) -> bool:
    """Whether a capital letter only marks a sentence's beginning; two such words in a row are a name."""
    first = not re.search(r"[^\W\d_]", text[: match.start()])
    return first and not re.match(r"[ -][A-Z]", text[match.end() :])


_COMMON = (
    "i'm i'll i've i'd you your yes the this that monday tuesday wednesday thursday friday saturday sunday sat sun mon tue wed thu fri january february march "
    "april may june july august september october november december english arabic please thank sorry also what when where who why how"
)


def stands(claim: Claim, evident: Claim) -> bool:
    """Whether a passage's claim says what a draft's claim says."""
    if claim.kind is Kind.PHONE and evident.kind in (Kind.PHONE, Kind.NUMBER):
        return any(_same_phone(a, b) for a in claim.values for b in evident.values)
    if claim.kind is Kind.LINK and evident.kind is Kind.LINK:
        return bool(claim.values & (evident.values | {links.host(v) for v in evident.values}))
    if claim.kind is Kind.DATE and evident.kind is Kind.DATE:
        return any(dates.same(a, b) for a in claim.values for b in evident.values)
    if claim.kind in _VALUED:
        return _same_amount(claim, evident)
    return claim.kind is evident.kind and bool(claim.values & evident.values)


def _same_amount(claim: Claim, evident: Claim) -> bool:
    """Whether two amounts agree; a bare number of the passage supports a price where its currency is the passage's."""
    if evident.kind is Kind.DATE and claim.kind is Kind.NUMBER:
        return any(
            number in re.findall(r"\d+", date) for number in claim.values for date in evident.values
        )
    if not claim.values & evident.values:
        return False
    match claim.kind, evident.kind:
        case Kind.MONEY, Kind.MONEY:
            return (
                claim.unit in ("", evident.unit)
                or "dinar" in (claim.unit, evident.unit)
                or not evident.unit
            )
        case Kind.MONEY, Kind.NUMBER:
            return not claim.unit
        case Kind.NUMBER, Kind.NUMBER | Kind.MONEY | Kind.DURATION | Kind.PHONE:
            return True
        case Kind.DURATION, Kind.DURATION:
            return claim.unit == evident.unit
    return claim.kind is evident.kind


def _same_phone(a: str, b: str) -> bool:
    """Whether two spellings dial the same line: with country code or with the leading zero."""
    a, b = (re.sub(r"^0+", "", n) for n in (a, b))
    return a == b or (
        min(len(a), len(b)) >= 8 and (a.endswith(b) or b.endswith(a)) and abs(len(a) - len(b)) <= 4
    )


def _rivals(claim: Claim, other: Claim) -> bool:
    """Whether another claim could have been meant instead: same sort, another value."""
    kinds = {claim.kind, other.kind}
    alike = claim.kind is other.kind or kinds == {Kind.MONEY, Kind.NUMBER}
    return alike and not stands(claim, other)


def _flipped(said: Reading, sources: Sequence[Evidence]) -> str:
    """The stem that one side negates and the other states, in the sentence that the draft follows most; else empty."""
    spoken_, lines = said.stems, [line for source in sources for line in source.lines]
    most = max((len(line.stems & spoken_) for line in lines), default=0)
    if most < max(2, 0.5 * len(spoken_)):
        return ""
    mine = negated(said.folded)
    flips = [_flip(mine, spoken_, line) for line in lines if len(line.stems & spoken_) == most]
    return flips[0] if flips and all(flips) else ""


def _flip(mine: frozenset[str] | None, spoken: frozenset[str], line: Line) -> str:
    """A stem negated on one side alone, where one side has more negations than the other."""
    here, there = mine or frozenset[str](), line.negated or frozenset[str]()
    if len(here) == len(there):
        return ""
    turned = ((here - there) & line.stems) | ((there - here) & spoken)
    return next(iter(sorted(turned)), "")


def cite(text: str, numbers: Sequence[int]) -> str:
    """The sentence with citations before its last white space."""
    body = text.rstrip()
    return body + "".join(f" [{n}]" for n in numbers) + text[len(body) :]
