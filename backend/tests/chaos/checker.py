"""Reads a history and judges it. It knows the rules and the platform's wire format, and nothing of the product.

The rules, for every contact:

- **lost**: a webhook was answered 200 and nobody replied: no reply quotes the message, or a later one of the same
  contact (a burst has one reply, which quotes its last message). A reply after more than a minute is **late**: no
  fault of its own on a slow machine, but told.
- **doubled**: two replies quote the same message, or one message of ours was accepted twice.
- **disordered**: a reply quotes an earlier message than the reply before it.
- **invented**: a reply quotes something the contact never wrote; a forged webhook was believed.

And for what the installation has kept, where that is told: each message that was answered 200 once, in the order in
which the contact's messages were first posted, and nothing else.

What failed isn't what is unknown: a webhook without an answer (status 0) may have been taken or not, so a reply to it
is no fault and none is no loss; a send counts by what the platform did with it, whatever the product was told.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

Record = dict[str, Any]

PATIENCE = 60.0
"""Seconds within which whoever was heard should get a reply, whatever dies meanwhile."""


@dataclass
class Verdict:
    """What was found; the lists name messages."""

    webhooks: int = 0
    webhooks_unanswered: int = 0
    webhooks_refused: int = 0
    messages: int = 0
    kept: int = 0
    unknown: int = 0
    late: int = 0
    replies: int = 0
    sends_ambiguous: int = 0
    sends_failed: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every rule was kept."""
        return not (self.lost or self.doubled or self.disordered or self.invented)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "verdict": "pass" if self.passed else "fail"}


def check(lines: Iterable[str]) -> Verdict:
    """Judges a history of JSON lines."""
    records = [json.loads(line) for line in lines]
    verdict = Verdict()
    said, taken = _said(records, verdict)
    replies = _replies(records, verdict)
    for contact in sorted(said.keys() | replies.keys()):
        _judge(said.get(contact, []), taken, replies.get(contact, []), verdict)
    kept = [record for record in records if record["record"] == "Kept"]
    if kept:
        _judge_kept(said, taken, kept, verdict)
    return verdict


def _said(records: list[Record], verdict: Verdict) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Each contact's messages in the order in which they were first posted, and when they were first answered 200."""
    said: dict[str, dict[str, None]] = defaultdict(dict)
    taken: dict[str, float] = {}
    for record in records:
        if record["record"] != "WebhookPosted" or record["forged"]:
            continue
        verdict.webhooks += 1
        verdict.webhooks_unanswered += record["status"] == 0
        verdict.webhooks_refused += record["status"] not in (0, 200)
        for message in _messages(record["payload"]):
            said[message["from_user_id"]].setdefault(message["id"])
            if record["status"] == 200:
                taken.setdefault(message["id"], record["at"])
    verdict.messages = sum(map(len, said.values()))
    verdict.unknown = verdict.messages - len(taken)
    return {contact: list(messages) for contact, messages in said.items()}, taken


def _messages(payload: dict[str, Any]) -> list[Record]:
    changes = [change["value"] for entry in payload["entry"] for change in entry["changes"]]
    return [message for value in changes for message in value.get("messages", [])]


def _replies(records: list[Record], verdict: Verdict) -> dict[str, list[Record]]:
    """What each contact got, in order."""
    replies: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["record"] == "SendReceived":
            unknown = record["status"] == 0 or record["status"] >= 500
            verdict.sends_ambiguous += unknown
            verdict.sends_failed += not record["accepted"] and not unknown
            if record["accepted"]:
                verdict.replies += 1
                replies[record["to"]].append(record)
    return replies


def _judge(
    said: list[str], taken: dict[str, float], replies: list[Record], verdict: Verdict
) -> None:
    quoted = [reply["body"].get("context", {}).get("message_id") for reply in replies]
    ours = [reply["our_id"] for reply in replies]
    verdict.invented += [str(message) for message in quoted if message not in said]
    verdict.doubled += [str(m) for m in _twice(quoted)] + [str(m) for m in _twice(ours)]
    known = [(said.index(q), r["at"]) for q, r in zip(quoted, replies, strict=True) if q in said]
    verdict.disordered += [said[b] for (a, _), (b, _) in pairwise(known) if b < a]
    for place, message in enumerate(said):
        replied = next((at for p, at in known if p >= place), None)
        if replied is None and message in taken:
            verdict.lost.append(message)
        elif replied is not None:
            verdict.late += replied > taken.get(message, replied) + PATIENCE


def _judge_kept(
    said: dict[str, list[str]], taken: dict[str, float], kept: list[Record], verdict: Verdict
) -> None:
    """Every contact's words as they lie there, against what was posted."""
    lie = {address: record["ids"] for record in kept for address in record["addresses"]}
    posted = {message for messages in said.values() for message in messages}
    verdict.kept += sum(len(record["ids"]) for record in kept)
    verdict.invented += [str(m) for r in kept for m in r["ids"] if m not in posted]
    for contact, messages in said.items():
        found = lie.get(contact, [])
        place = {message: n for n, message in enumerate(messages)}
        there = set(found)
        verdict.lost += [m for m in messages if m in taken and m not in there]
        verdict.doubled += _twice(found)
        known = [(place[m], m) for m in found if m in place]
        verdict.disordered += [b for (n, _), (k, b) in pairwise(known) if k < n]


def _twice(items: list[Any]) -> list[Any]:
    return [item for item, times in Counter(items).items() for _ in range(times - 1)]
