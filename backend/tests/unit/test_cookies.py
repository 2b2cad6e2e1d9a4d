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


def test_over_https_no_script_no_other_host_and_no_other_path_sets_or_reads_it() -> None:
    """Browsers hold whoever says ``__Host-`` to it: secure, for all paths, and of no named domain."""
    response = Response()
    Cookies("https://wafaa.example").set(response, "wafaa_session", "secret", timedelta(hours=12))
    name, *said = response.headers["set-cookie"].split("; ")
    assert name == "__Host-wafaa_session=secret"
    assert sorted(said) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"]


def test_without_tls_browsers_would_refuse_the_prefix() -> None:
    response = Response()
    Cookies("http://localhost:8000").set(response, "wafaa_session", "s", timedelta(hours=12))
    name, *said = response.headers["set-cookie"].split("; ")
    assert name == "wafaa_session=s"
    assert sorted(said) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax"]
