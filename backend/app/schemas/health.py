"""Whether each part is well."""

from pydantic import Field

from app.schemas.common import OutModel


class PartOut(OutModel):
    """One part, as it was seen just now."""

    name: str = Field(examples=["database"])
    ok: bool
    needed: bool = Field(description="Whether nothing works without it.")
    detail: str
    ms: int


class Health(OutModel):
    """All parts."""

    ok: bool
    parts: list[PartOut]
