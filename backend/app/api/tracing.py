"""What traces hold of a request: how it went, and no word that a caller wrote.

FastAPI speaks OpenTelemetry's API, which does nothing until an operator installs its SDK. Then it would note addresses
with all that was asked for in them: searched words, codes of sign-ins, tickets of links.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import get_meter_provider

KEPT: Final = frozenset(
    {
        "code.function.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "url.scheme",
    }
)


def options(provider: trace.TracerProvider) -> dict[str, Any]:
    """How FastAPI is to tell of itself. Its logs quote what contacts wrote, so they are off."""
    traced = _installed(provider)
    told = {"logs": False, "auto_configure": False, "tracing": traced}
    told |= {"metrics": _installed(get_meter_provider())}  # Else it would look for one each time.
    return told | ({"tracer_provider": Discreet(provider)} if traced else {})


def _installed(provider: object) -> bool:
    """Whether an operator has put a provider into the place of the API's own, which do nothing."""
    return not type(provider).__module__.startswith(
        ("opentelemetry.trace", "opentelemetry.metrics")
    )


class Discreet(trace.TracerProvider):
    """An operator's provider, which gets to know what is on the list alone."""

    def __init__(self, inner: trace.TracerProvider) -> None:
        self._inner = inner

    def get_tracer(self, *args: Any, **more: Any) -> trace.Tracer:
        """Makes a tracer."""
        return _Tracer(self._inner.get_tracer(*args, **more))


class _Tracer(trace.Tracer):
    def __init__(self, inner: trace.Tracer) -> None:
        self._inner = inner

    def start_span(  # type: ignore[override]  # What else the API has is handed on.
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> trace.Span:
        return self._inner.start_span(name, context, kind, _kept(attributes), **more)

    @contextmanager
    def _current(self, name: str, attributes: Any, more: Any) -> Iterator[trace.Span]:
        with self._inner.start_as_current_span(name, attributes=_kept(attributes), **more) as span:
            yield span

    def start_as_current_span(  # type: ignore[override]  # As above.
        self, name: str, *, attributes: Mapping[str, Any] | None = None, **more: Any
    ) -> Any:
        return self._current(name, attributes, more)


def _kept(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name in KEPT}
