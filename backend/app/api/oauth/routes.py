"""All of OAuth's routes."""

from typing import Any, cast

from fastapi import FastAPI

from app.api.oauth import consent, metadata, token
from app.api.oauth.asking import TokenRefused, tell


def install(app: FastAPI) -> None:
    """Adds the authorization server to an application."""
    for part in (metadata, token, consent):
        app.include_router(part.router)
    app.add_exception_handler(TokenRefused, cast(Any, tell))
