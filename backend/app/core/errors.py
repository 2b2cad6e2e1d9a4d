"""The one tree of errors.

A class knows its HTTP status, its code, and whether a job that met it may try again. Its docstring is
the default message; a message for people says what to do next. The API renders them as
``application/problem+json`` (RFC 9457); the worker reads ``retryable``.
"""

from typing import ClassVar


class WafaaError(Exception):
    """Something went wrong on our side. Try again; if it stays, tell whoever runs this installation."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, pointer: str | None = None) -> None:
        """Keeps the message.

        Args:
            message: What a person should read; the class's docstring when absent.
            pointer: JSON pointer of the field at fault, such as ``/name``.
        """
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.pointer = pointer
        super().__init__(self.message)


class InvalidInput(WafaaError):
    """The request can't be understood as it is. Correct the named fields and send it again."""

    status = 422
    code = "invalid_input"


class TooLarge(WafaaError):
    """The body is larger than this endpoint takes. Send less, or send it in parts."""

    status = 413
    code = "too_large"


class UnsupportedMedia(WafaaError):
    """Files of this kind can't be read. Send text, Markdown, HTML, PDF, DOCX or CSV."""

    status = 415
    code = "unsupported_media"


class Unauthenticated(WafaaError):
    """A valid credential is needed. Sign in again and send it as a bearer token."""

    status = 401
    code = "unauthenticated"


class SecondFactorNeeded(Unauthenticated):
    """Signing in takes a second step here. Send the authenticator app's code, or a recovery code, as `code`."""

    code = "second_factor_needed"


class InvalidSignature(WafaaError):
    """The signature doesn't match the body. Check the app secret on both sides."""

    status = 403
    code = "invalid_signature"


class Forbidden(WafaaError):
    """Your role doesn't allow this. Ask an owner of the business."""

    status = 403
    code = "forbidden"


class Suspended(WafaaError):
    """This business is paused: nothing is lost, and nobody answers. Whoever runs this installation knows why."""

    status = 403
    code = "suspended"


class QuotaExceeded(WafaaError):
    """What this business may use is used up. Ask whoever runs this installation for more."""

    status = 403
    code = "quota_exceeded"


class EnrolmentNeeded(Forbidden):
    """Your business asks for a second factor. Set one up on the sign-in page first."""

    code = "enrolment_needed"


class NotFound(WafaaError):
    """There is no such thing here. Check the id."""

    status = 404
    code = "not_found"


class Conflict(WafaaError):
    """This doesn't fit the present state. Read it again, then decide."""

    status = 409
    code = "conflict"


class Gone(WafaaError):
    """This is no longer kept. Load a fresh snapshot and go on from there."""

    status = 410
    code = "gone"


class PreconditionFailed(WafaaError):
    """Somebody changed this since you read it. Read it again, compare, then send your change with the new ETag."""

    status = 412
    code = "precondition_failed"


class PreconditionRequired(WafaaError):
    """Say which state you have seen: send the ETag of what you read as If-Match."""

    status = 428
    code = "precondition_required"


class RateLimited(WafaaError):
    """Too many requests. Wait as long as Retry-After says."""

    status = 429
    code = "rate_limited"
    retryable = True

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        concerns_one: bool = False,
    ) -> None:
        """Keeps what is known.

        Args:
            message: The words.
            retry_after: Seconds to wait.
            concerns_one: Whether only this call's addressee is meant, and not whoever calls with these credentials.
        """
        super().__init__(message)
        self.retry_after = retry_after
        self.concerns_one = concerns_one


class UpstreamRefused(WafaaError):
    """The service on the other side refused this. Check its credentials and settings."""

    status = 502
    code = "upstream_refused"


class UpstreamUnavailable(WafaaError):
    """The service on the other side doesn't answer. It will be tried again."""

    status = 503
    code = "upstream_unavailable"
    retryable = True


class CircuitOpen(UpstreamUnavailable):
    """The service on the other side failed repeatedly and is given a pause. Try again shortly."""

    code = "circuit_open"


class Unavailable(WafaaError):
    """This part of the installation isn't ready. Try again shortly."""

    status = 503
    code = "unavailable"
    retryable = True


class Misconfigured(WafaaError):
    """The installation isn't set up for this. Run `wafaa doctor`."""

    status = 500
    code = "misconfigured"


class Indeterminate(WafaaError):
    """Nobody knows whether the platform accepted this message. Wait for its status before sending again."""

    status = 504
    code = "indeterminate"


class WindowClosed(WafaaError):
    """The time in which the platform lets us reply freely is over. Wait for the contact, or use a template."""

    status = 409
    code = "window_closed"


class OptedOut(WafaaError):
    """This contact doesn't want to hear from us unasked. Wait until they write again."""

    status = 409
    code = "opted_out"


class AccountBlocked(UpstreamRefused):
    """The platform no longer takes messages from this channel account. Connect it again."""

    code = "account_blocked"


class Unreachable(UpstreamRefused):
    """The contact can't be reached on this channel. Try another one."""

    code = "unreachable"


class Unreadable(WafaaError):
    """A stored value was altered, moved here from another place, or its key is gone. Enter it again."""

    code = "unreadable"


class Erased(NotFound):
    """This client was erased: its key was destroyed, and nothing of it can be read any more."""

    code = "erased"
