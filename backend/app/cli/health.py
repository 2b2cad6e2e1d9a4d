"""Asks the running API whether everything is well."""

import http.client
import json
from contextlib import closing
from typing import Any

from app.cli.parts import reachable
from app.core.config import Settings


def unwell(settings: Settings) -> list[str]:
    """What isn't well, each with a reason; ``api`` when it doesn't answer at all."""
    try:
        found = health(settings)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return [f"api ({type(error).__name__})"]
    sick = [part for part in found["parts"] if not part["ok"] and part["needed"]]
    return [f"{part['name']} ({part['detail']})" for part in sick]


def health(settings: Settings, seconds: float = 5.0) -> dict[str, Any]:
    """What ``/health/ready`` says.

    Raises:
        OSError: Nobody answers.
        ValueError: What answers isn't our API.
    """
    host = reachable(settings.host)
    with closing(http.client.HTTPConnection(host, settings.port, timeout=seconds)) as connection:
        connection.request("GET", "/health/ready")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        if "parts" not in found:
            raise ValueError("This isn't the API of Wafaa.")
        return found
