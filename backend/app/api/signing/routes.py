"""All of the pages' routes."""

from typing import Any, cast

from fastapi import FastAPI

from app.api.signing import account, password, second_step, sign_in, single_sign_on, tickets
from app.api.signing.asking import SignInFirst, lead_to_sign_in

PARTS = (sign_in, second_step, single_sign_on, tickets, account, password)


def install(app: FastAPI) -> None:
    """Adds the sign-in pages to an application."""
    for part in PARTS:
        app.include_router(part.router)
    app.add_exception_handler(SignInFirst, cast(Any, lead_to_sign_in))
