"""What a conversation looks like in a terminal, event by event."""

from dataclasses import dataclass, field
from typing import Any

from app.cli.output import Theirs, paint, say, to_json, worded

_NOTES = {
    "handover.requested": "A colleague was asked to come.",
    "handover.accepted": "{} is here now; the assistant is silent.",
    "handed_back": "The assistant is back.",
    "conversation.closed": "This conversation is over.",
}


@dataclass
class Screen:
    """Shows what comes back. Pieces of an answer appear as they come, each once, whoever wrote them twice."""

    as_json: bool
    _shown: dict[str, int] = field(default_factory=dict)

    def show(self, type_: str, data: dict[str, Any]) -> bool:
        """Shows one event of the log; tells whether it is somebody's answer."""
        message = data.get("message") or {}
        if message and message["author"] != "contact":
            self._message(message, data.get("turn_id"))
            return True
        if type_ == "turn.delta" and not self.as_json:
            self._piece(data)
        elif type_ in _NOTES:
            agent = data.get("agent_name") or "A colleague"
            self.aside(_NOTES[type_].format(agent))
        return False

    def aside(self, text: str) -> None:
        """Says something that isn't part of the conversation."""
        if not self.as_json:
            say(paint(Theirs(f"({worded(text)})"), "dim"))

    def _piece(self, data: dict[str, Any]) -> None:
        """Shows what is new of a piece: an answer that was begun again tells what is known already."""
        turn = str(data["turn_id"])
        shown = self._shown.get(turn, 0)
        new = data["text"][max(0, shown - data["offset"]) :]
        print(new, end="", flush=True)
        self._shown[turn] = max(shown, data["offset"] + len(data["text"]))

    def _message(self, message: dict[str, Any], turn_id: str | None) -> None:
        if self.as_json:
            say(to_json(message))
            return
        who = f"{message['agent_name']}: " if message.get("agent_name") else ""
        seen = self._shown.pop(str(turn_id), 0)
        say(Theirs((who + message["text"])[seen:]))
        for source in message["citations"]:
            quote = " ".join(source["quote"].split())
            say(paint(Theirs(f"  [{source['number']}] {source['title']}: {quote}"), "dim"))
