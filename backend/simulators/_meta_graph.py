"""What the Graph API says to a send: the checks of its documentation, and its error objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators._meta_payloads import Payload

TEXT_LIMIT = 4096
INTERACTIVE_LIMIT = 1024
WINDOW_SECONDS = 24 * 3600

TOKEN_INVALID = 190
BAD_PARAMETER = 100
PARAMETER_MISSING = 131008
PARAMETER_INVALID = 131009
WINDOW_CLOSED = 131047
RATE = 130429
PAIR_RATE = 131056
UNKNOWN = 131000

_HTTP = {TOKEN_INVALID: 401, RATE: 429, UNKNOWN: 500, 131016: 503, 131057: 503}
_OTHER_TYPES = frozenset(
    {"image", "video", "audio", "document", "sticker", "location", "reaction", "template"}
)


@dataclass(frozen=True, slots=True)
class GraphError:
    """An error as the Graph API words it."""

    code: int
    message: str
    transient: bool = False

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return _HTTP.get(self.code, 400)

    def body(self, trace: str) -> Payload:
        """Its JSON."""
        return {
            "error": {
                "message": f"(#{self.code}) {self.message}",
                "type": "OAuthException",
                "code": self.code,
                "error_data": {"messaging_product": "whatsapp", "details": self.message},
                "is_transient": self.transient,
                "fbtrace_id": trace,
            }
        }


def complaint(body: Any) -> GraphError | None:
    """What's wrong with the body of a send; None where nothing is."""
    if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
        return GraphError(BAD_PARAMETER, "messaging_product must be whatsapp")
    if not any(isinstance(body.get(name), str) and body[name] for name in ("to", "recipient")):
        return GraphError(PARAMETER_MISSING, "to or recipient is required")
    if len(str(body.get("biz_opaque_callback_data", ""))) > 512:
        return GraphError(BAD_PARAMETER, "biz_opaque_callback_data is too long")
    kind = body.get("type", "text")
    if kind in _OTHER_TYPES:
        return None if isinstance(body.get(kind), dict) else _missing(kind)
    check = _CHECKS.get(kind)
    return check(body) if check else GraphError(PARAMETER_INVALID, f"type {kind} is not known")


def _missing(name: str) -> GraphError:
    return GraphError(PARAMETER_MISSING, f"{name} is required")


def _text(body: Payload) -> GraphError | None:
    said = body.get("text", {}).get("body")
    if not isinstance(said, str) or not said.strip():
        return _missing("text.body")
    if len(said) > TEXT_LIMIT:
        return GraphError(BAD_PARAMETER, f"text.body must be at most {TEXT_LIMIT} characters long")
    return None


def _interactive(body: Payload) -> GraphError | None:
    shown = body.get("interactive", {})
    said = shown.get("body", {}).get("text", "")
    if not 0 < len(said) <= INTERACTIVE_LIMIT:
        return GraphError(PARAMETER_INVALID, "interactive.body.text has a wrong length")
    if shown.get("type") != "button":
        return None
    replies = [button.get("reply", {}) for button in shown.get("action", {}).get("buttons", [])]
    titles = {reply.get("title", "") for reply in replies}
    fits = 1 <= len(replies) <= 3 and len(titles) == len(replies)
    if not fits or not all(_reply_fits(reply) for reply in replies):
        return GraphError(PARAMETER_INVALID, "interactive.action.buttons don't fit")
    return None


def _reply_fits(reply: Payload) -> bool:
    return 1 <= len(reply.get("title", "")) <= 20 and 1 <= len(reply.get("id", "")) <= 256


_CHECKS: dict[str, Callable[[Payload], GraphError | None]] = {
    "text": _text,
    "interactive": _interactive,
}


def accepted(wamid: str, body: Payload, user_id: str) -> Payload:
    """The answer to an accepted send."""
    contact = {"input": body.get("to") or body["recipient"], "user_id": user_id}
    if "to" in body:
        contact["wa_id"] = body["to"]
    return {
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{"id": wamid}],
    }


def words_of(body: Payload) -> str:
    """What a person would read of a send."""
    match body.get("type"):
        case "interactive":
            shown = body["interactive"]
            replies = [b["reply"]["title"] for b in shown.get("action", {}).get("buttons", [])]
            return "\n".join([shown["body"]["text"], *(f"[{title}]" for title in replies)])
        case "text":
            return str(body["text"]["body"])
    return f"({body.get('type')})"
