"""Files of people: what kind they are."""

import mimetypes
from pathlib import Path

_OURS = {".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv"}
"""Told the same on every system, whatever its own table says."""


def media_type(path: Path) -> str:
    """The media type by the name's ending; what it really is the parser finds out."""
    known = _OURS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    return known or "application/octet-stream"
