"""Entity tags: who changes something says which state of it they have seen (RFC 9110, RFC 6585)."""

from typing import Annotated

from fastapi import Depends, Header

from app.api.deps import PrincipalDep
from app.core.errors import PreconditionFailed, PreconditionRequired


async def if_match(
    _: PrincipalDep,
    seen: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=200,
            description="The ETag of what was read; `*` for whatever is there.",
        ),
    ] = None,
) -> str:
    """What the caller has seen.

    Raises:
        PreconditionRequired: They don't say.
    """
    if seen is None:
        raise PreconditionRequired
    return seen


IfMatch = Annotated[str, Depends(if_match)]


def published(version: int) -> str:
    """The tag of a published configuration."""
    return f'"v{version}"'


def drafted(base: int, revision: int) -> str:
    """The tag of a draft."""
    return f'"d{base}.{revision}"'


def require(seen: str, present: str) -> None:
    """Lets a change pass whose author has seen the present state.

    Raises:
        PreconditionFailed: They have seen another one.
    """
    if seen.strip() != "*" and present not in {one.strip() for one in seen.split(",")}:
        raise PreconditionFailed
