"""The API's own pages: its operations, and its errors in both languages. Plain HTML, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.api.catalogue import PROBLEMS, Entry
from app.api.middleware import API_POLICY

router = APIRouter(prefix="/docs", include_in_schema=False)

_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#1b1b1f;background:#fff}code{font:14px/1.5 ui-monospace,monospace}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{padding:.4rem .6rem;border-bottom:1px solid #d9d9e0;text-align:start;vertical-align:top}"
    "td{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){"
    "body{color:#ececf1;background:#17171a}td,th{border-color:#3a3a42}a{color:#9db8ff}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"{API_POLICY}; style-src 'sha256-{_STYLE_HASH}'"


@router.get("")
async def operations(request: Request) -> HTMLResponse:
    """Every operation of the API."""
    schema = request.app.openapi()
    rows = "".join(_operation_row(*found) for found in _operations(schema))
    return _page(
        "Wafaa API",
        f'<p>Machine-readable: <a href="/openapi.json">openapi.json</a>. Errors: <a href="/docs/errors">codes</a>.</p>'
        f"<table><thead><tr><th>Operation</th><th>What for</th></tr></thead><tbody>{rows}</tbody></table>",
    )


@router.get("/errors")
async def errors() -> HTMLResponse:
    """Every error code, in both languages."""
    rows = "".join(_error_row(code, entry) for code, entry in PROBLEMS.items())
    head = '<tr><th>Code</th><th>English</th><th lang="ar" dir="rtl">العربية</th></tr>'
    return _page("Errors · الأخطاء", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _operation_row(path: str, method: str, operation: dict[str, Any]) -> str:
    said = escape(operation.get("description", operation.get("summary", "")))
    return f"<tr><td><code>{method.upper()} {escape(path)}</code></td><td>{said}</td></tr>"


def _error_row(code: str, entry: Entry) -> str:
    return (
        f'<tr id="{code}"><td><code>{code}</code></td>'
        f"<td><b>{escape(entry.title.en)}</b><br>{escape(entry.detail.en)}</td>"
        f'<td lang="ar" dir="rtl"><b>{escape(entry.title.ar)}</b><br>{escape(entry.detail.ar)}</td></tr>'
    )


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        headers={"content-security-policy": _POLICY},
    )
