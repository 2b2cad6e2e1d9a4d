"""Signs webhook bodies as Meta does."""

import hashlib
import hmac
import json
from typing import Any


def body_of(payload: Any) -> bytes:
    r"""The bytes on the wire: compact, with non-ASCII as ``\uXXXX`` and ``/`` as ``\/``, as Meta sends them."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def headers_for(body: bytes, secret: str) -> dict[str, str]:
    """The headers of a webhook POST."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}
