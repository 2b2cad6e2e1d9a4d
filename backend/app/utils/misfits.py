"""What a person reads when a value doesn't fit its model."""

from pydantic import ValidationError


def first_misfit(error: ValidationError) -> tuple[str, str]:
    """Where the first thing is that doesn't fit, such as ``owner.email``, and a sentence on it; never the value."""
    problem = error.errors(include_input=False, include_url=False)[0]
    said = problem["msg"].removeprefix("Value error, ").rstrip(".")
    return ".".join(map(str, problem["loc"])), f"{said}."
