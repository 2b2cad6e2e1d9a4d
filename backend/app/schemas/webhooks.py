"""What platforms get back."""

from typing import Literal

from app.schemas.common import OutModel


class Taken(OutModel):
    """Everything in the call is committed."""

    status: Literal["ok"] = "ok"
