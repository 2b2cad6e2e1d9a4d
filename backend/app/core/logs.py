"""Logs: one JSON object a line, with what helps and nothing that harms.

A field's *name* must be known to carry a text; numbers, ids, truth values and enums may have any name but the
refused ones. So no message text, address or secret gets into a log by oversight: what isn't known is withheld, and
where ``strict`` (in tests) it raises. Exceptions are told by type and place; their words only where they are ours
or the system's, since a database's or validator's quote the data.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO, cast
from uuid import UUID

import orjson
import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import FilteringBoundLogger, Processor

from app.core.errors import WafaaError
from app.utils.tenant_context import TenantContext

LONGEST_TEXT = 200
MOST_ITEMS = 50
MOST_FRAMES = 12
WITHHELD = "[withheld]"

_TEXT_FIELDS = """
adapter app audience breaker cache channel check client code column container content_type decision direction embedder
error_code error_type event file finish_reason form head job kind lane language lease level logger media_type method
mode model operation outcome part path phase pool provider purpose reason result role route seam server signal slug
stage state status step store table task template timestamp version worker
"""
TEXT_FIELDS = frozenset(_TEXT_FIELDS.split())
"""Where a text may stand, beside names that end in ``_id``: it comes from us, never from a person."""

_REFUSED_FIELDS = """
address addresses answer api_key authorization body caption content cookie credential credentials display_name email
headers key message name password payload phone prompt query question raw secret text texts token url
"""
REFUSED_FIELDS = frozenset(_REFUSED_FIELDS.split())
"""Names that never stand in a log, whatever they hold."""

Event = MutableMapping[str, Any]

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class UnsafeField(TypeError):
    """A log field that might carry what must not be logged."""


def get_logger(**fields: object) -> FilteringBoundLogger:
    """A logger that adds ``fields`` to each line; client and request id come by themselves."""
    return cast(FilteringBoundLogger, structlog.get_logger(**fields))


def log_context(**fields: object) -> AbstractContextManager[None]:
    """Adds fields to every line that is logged inside, such as a job's id."""
    return bound_contextvars(**fields)


class in_request:  # noqa: N801 # Used as a function, and made for every request: a class costs least.
    """Adds a request's id to every line that is logged inside."""

    __slots__ = ("_id", "_token")

    def __init__(self, request_id: str) -> None:
        self._id = request_id

    def __enter__(self) -> None:
        self._token = _request_id.set(self._id)

    def __exit__(self, *_: object) -> None:
        _request_id.reset(self._token)


def configure_logging(
    *, json: bool = True, strict: bool = False, level: str = "INFO", stream: TextIO | None = None
) -> None:
    """Sets up logging for the process, ours and that of libraries.

    Args:
        json: One object a line; otherwise columns, for eyes.
        strict: Raise on an unsafe field instead of withholding it.
        level: The least level that is shown.
        stream: Where to; standard error by default, as standard output belongs to a command's result.
    """
    out = stream or sys.stderr
    numeric = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=_processors(strict, json),
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Foreign()]
    root.setLevel(max(numeric, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _processors(strict: bool, json: bool) -> list[Processor]:
    return [
        *[_refuse_overwritten] * strict,
        merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_the_request,
        _name_the_client,
        _tell_exception,
        _Guard(strict),
        _as_json if json else structlog.dev.ConsoleRenderer(colors=False),
    ]


def _refuse_overwritten(_logger: object, _method: str, event: Event) -> Event:
    """A field under a name that every line has would be lost."""
    if lost := {"level", "timestamp"} & event.keys():
        raise UnsafeField(f"{lost} are every line's own; choose another name.")
    return event


def _name_the_request(_logger: object, _method: str, event: Event) -> Event:
    request_id = _request_id.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _name_the_client(_logger: object, _method: str, event: Event) -> Event:
    client_id = TenantContext.get_tenant()
    if client_id is not None:
        event.setdefault("client_id", client_id)
    return event


def _tell_exception(_logger: object, _method: str, event: Event) -> Event:
    """Replaces ``exc_info`` by types and places."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = Told(tell(error))
    return event


class Told(list[dict[str, Any]]):
    """An exception as ``tell`` wrote it: safe as it is."""


def tell(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, outermost first: type, place and, where it is safe, words."""
    told: list[dict[str, Any]] = []
    link: BaseException | None = error
    while link is not None and len(told) < 5:
        told.append(
            {"type": type(link).__qualname__, **_words(link), "at": _frames(link.__traceback__)}
        )
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return told


def _words(error: BaseException) -> dict[str, str]:
    match error:
        case WafaaError():
            return {"code": error.code, "words": error.message[:LONGEST_TEXT]}
        case OSError() if error.strerror:
            return {"words": error.strerror[:LONGEST_TEXT]}
        case _:
            return {}


def _frames(trace: TracebackType | None) -> list[str]:
    summary = traceback.extract_tb(trace)[-MOST_FRAMES:]
    return [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in summary]


def _short(filename: str) -> str:
    return "/".join(PurePath(filename).parts[-3:])


class _Guard:
    """Lets through what is known to be harmless."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        return {name: self._safe(name, value) for name, value in event.items()}

    def _safe(self, name: str, value: object) -> object:
        if isinstance(value, Told):
            return value
        if name in REFUSED_FIELDS or (isinstance(value, str) and not _may_be_text(name, value)):
            return self._withhold(name)
        return self._plain(name, value)

    def _plain(self, name: str, value: object) -> object:
        match value:
            case None | bool() | int() | float() | UUID() | date():
                return value
            case Enum():
                return value.value
            case timedelta():
                return value.total_seconds()
            case str():
                return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
            case list() | tuple() | set() | frozenset():
                return [self._safe(name, item) for item in list(value)[:MOST_ITEMS]]
            case _:  # Secrets, rows, requests, bytes, dicts: anything might be in there.
                return self._withhold(name)

    def _withhold(self, name: str) -> str:
        if self._strict:
            raise UnsafeField(f"{name!r} may not be logged; see TEXT_FIELDS in app/core/logs.py.")
        return WITHHELD


def _may_be_text(name: str, value: str) -> bool:
    return name in TEXT_FIELDS or name.endswith("_id") or isinstance(value, Enum)


def _as_json(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()


class _Foreign(logging.Handler):
    """Brings libraries' lines into ours: the template and the exception's place, never the filled-in words."""

    def emit(self, record: logging.LogRecord) -> None:
        """Logs one record of a library."""
        template = str(record.msg).partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        write: Callable[..., Any] = getattr(get_logger(), _method_of(record.levelno))
        fields: Mapping[str, object] = {"logger": record.name, "template": template[:LONGEST_TEXT]}
        write("library_logged", exc_info=error, **fields)


def _method_of(level: int) -> str:
    return {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}.get(
        level, "warning"
    )
