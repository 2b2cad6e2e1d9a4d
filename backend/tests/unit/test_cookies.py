"""The cookies that browsers show."""

from datetime import timedelta

import pytest
from starlette.responses import Response

from app.api.cookies import Cookies


@pytest.mark.parametrize("url", [None, "https://wafaa.example"])
def test_a_cookie_is_taken_away_without_telling_the_time(url: str | None) -> None:
    """Answers are compared byte by byte, by our proofs and by those who probe: a date would make each one new."""
    response = Response()
    Cookies(url).clear(response, "wafaa_session")
    told = response.headers["set-cookie"].lower()
    assert "max-age=0" in told
    assert "expires" not in told


def test_it_is_taken_from_where_it_was_given() -> None:
    """Browsers take one away only where name, path and prefix are the same."""
    given, taken = Response(), Response()
    cookies = Cookies("https://wafaa.example")
    cookies.set(given, "wafaa_session", "secret", timedelta(hours=1))
    cookies.clear(taken, "wafaa_session")

    def kept(response: Response) -> set[str]:
        parts = response.headers["set-cookie"].split("; ")
        return {parts[0].partition("=")[0], *(p for p in parts[1:] if not p.startswith("Max-Age"))}

    assert kept(given) == kept(taken)
