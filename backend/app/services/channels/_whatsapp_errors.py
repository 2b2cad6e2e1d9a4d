"""What the platform's error codes mean for us (WhatsApp Cloud API error reference)."""

from app.core.errors import (
    AccountBlocked,
    RateLimited,
    Unreachable,
    UpstreamRefused,
    UpstreamUnavailable,
    WafaaError,
    WindowClosed,
)
from app.services.channels._graph import Fault

PAIR_SECONDS = 6.0
"""The platform takes about one message in six seconds to the same person."""

RATE = frozenset({4, 80007, 130429})
PAIR_RATE = 131056
TRANSIENT = frozenset({1, 2, 131000, 131016, 131057, 132069, 133016, 135000})
TOKEN = frozenset({0, 190})
PERMISSION = frozenset({3, 10, 131005, *range(200, 300)})
PAYMENT = frozenset({131042, 131044})
RESTRICTED = frozenset({368, 130497, 131031, 131048, 131064})
NOT_READY = frozenset({131037, 131045, 133010})
WINDOW = 131047
UNREACHABLE = frozenset({131026, 131030})

_BLOCKED = {
    TOKEN: "WhatsApp no longer accepts the access token. Make a new one and connect the number again.",
    PERMISSION: "The access token lacks whatsapp_business_messaging. Grant it and connect the number again.",
    PAYMENT: "WhatsApp needs a valid payment method. Add one in WhatsApp Manager.",
    RESTRICTED: "WhatsApp has restricted this number. See the account's quality page in WhatsApp Manager.",
    NOT_READY: "The number isn't fully set up. Finish its registration in WhatsApp Manager.",
}


def explain(fault: Fault) -> WafaaError:
    """Our error for the platform's."""
    waiting = _waiting(fault)
    if waiting is not None:
        return waiting
    for codes, words in _BLOCKED.items():
        if fault.code in codes:
            return AccountBlocked(_numbered(words, fault))
    if fault.code == WINDOW:
        return WindowClosed()
    if fault.code in UNREACHABLE:
        return Unreachable(_numbered(Unreachable().message, fault))
    return UpstreamRefused(_numbered("WhatsApp refused this message for good.", fault))


def _waiting(fault: Fault) -> WafaaError | None:
    """The errors after which another try may help; the platform's own word on that counts more than the code."""
    if fault.code == PAIR_RATE:
        return RateLimited(
            retry_after=max(PAIR_SECONDS, fault.retry_after or 0.0), concerns_one=True
        )
    if fault.code in RATE or fault.status == 429:
        return RateLimited(retry_after=fault.retry_after)
    if fault.transient or fault.code in TRANSIENT:
        return UpstreamUnavailable(_numbered("WhatsApp has a passing problem.", fault))
    known = fault.code in _FINAL or fault.status < 500
    return None if known else UpstreamUnavailable(_numbered("WhatsApp has a problem.", fault))


_FINAL = frozenset({WINDOW, *UNREACHABLE}).union(*_BLOCKED)


def _numbered(words: str, fault: Fault) -> str:
    trace = f", trace {fault.trace}" if fault.trace else ""
    return f"{words} (WhatsApp error {fault.code}{trace})"
