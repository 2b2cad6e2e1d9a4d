"""Where codes may be sent: to what was registered, letter by letter, and what may be registered."""

from uuid import uuid4

import pytest

from app.core.errors import InvalidInput
from app.models.oauth import LivingApplication
from app.services.identity.applications import check_redirect, is_listed

LISTED = "https://app.example/callback"
APPLICATION = LivingApplication(
    uuid4(), uuid4(), "Café", b"", [LISTED, "com.example.app:/cb"], ["admin"], "EdDSA", None
)

TRICKS = [
    "https://app.example/callback/",
    "https://app.example/callback?",
    "https://app.example/callback#",
    "https://app.example/callback?x=1",
    "https://app.example/callback#x",
    "https://app.example/callback/..",
    "https://app.example/callback/../evil",
    "https://app.example/callback/%2e%2e/evil",
    "https://app.example//callback",
    "https://app.example/./callback",
    "https://app.example/x/../callback",
    "https://app.example/Callback",
    "https://app.example/callback%20",
    "https://app.example/callback ",
    " https://app.example/callback",
    "https://app.example/callback\n",
    "https://app.example/callback\t",
    "https://app.example/callback\0",
    "https://app.example/callback%00",
    "https://app.example/callback;x",
    "https://app.example/callback.evil",
    "https://app.example/callbackk",
    "https://app.example/callbac",
    "https://app.example/c%61llback",
    "https://app.example/",
    "https://app.example",
    "https://APP.example/callback",
    "HTTPS://app.example/callback",
    "http://app.example/callback",
    "https://app.example:443/callback",
    "https://app.example:444/callback",
    "https://app.example./callback",
    "https://app.example@evil.example/callback",
    "https://evil.example@app.example/callback",
    "https://evil.example:x@app.example/callback",
    "https://app.example.evil.example/callback",
    "https://evilapp.example/callback",
    "https://evil.app.example/callback",
    "https://app.example%2eevil.example/callback",
    "https://app.example\\.evil.example/callback",
    "https://app.example\\@evil.example/callback",
    "https://evil.example\\app.example/callback",
    "https://evil.example/https://app.example/callback",
    "https://evil.example/?https://app.example/callback",
    "https://evil.example#https://app.example/callback",
    "https:/app.example/callback",
    "https:app.example/callback",
    "https:///app.example/callback",
    "//app.example/callback",
    "/callback",
    "callback",
    "",
    "*",
    "https://*.example/callback",
    "https://app.example/*",
    "javascript:alert(1)//https://app.example/callback",
    "data:text/html,https://app.example/callback",
    "https://аpp.example/callback",
    "https://xn--pp-fka.example/callback",
    "https://app。example/callback",
    "https://[::1]/callback",
    "https://app.example/callback\r\nLocation: https://evil.example",
    "com.example.app:/cb/",
    "com.example.app://cb",
    "com.example.app:cb",
    "com.example.evil:/cb",
    "COM.example.app:/cb",
    f"{LISTED},{LISTED}",
    f"{LISTED} {LISTED}",
    f"url={LISTED}",
]


@pytest.mark.parametrize("uri", TRICKS)
def test_no_other_address_gets_a_code(uri: str) -> None:
    """Check 21."""
    assert not is_listed(APPLICATION, uri)


def test_sixty_tricks_and_more_are_tried_and_the_real_address_is_good() -> None:
    """Check 21."""
    assert len(set(TRICKS)) >= 60
    assert is_listed(APPLICATION, LISTED)
    assert is_listed(APPLICATION, "com.example.app:/cb")


@pytest.mark.parametrize(
    "uri",
    [
        LISTED,
        "https://app.example:8443/cb?x=1",
        "https://app.example",
        "http://127.0.0.1:8000/cb",
        "http://[::1]:9/cb",
        "http://127.0.0.1/cb",
        "com.example.app:/cb",
        "https://sub.app.example/a/b/c",
        "https://[2001:db8::1]/cb",
    ],
)
def test_a_whole_address_of_its_own_may_be_registered(uri: str) -> None:
    check_redirect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "http://localhost/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://0.0.0.0/cb",
        "http://2130706433/cb",
        "https://*/cb",
        "https://*.example/cb",
        "https://user@app.example/cb",
        "https://u:p@app.example/cb",
        "https://app.example/cb#x",
        "https://app.example/../cb",
        "https://app.example/a/../../cb",
        "//app.example/cb",
        "/cb",
        "cb",
        "",
        " ",
        "https://",
        "https:///cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://app.example/x",
        "myapp:/cb",
        "mailto:x@y.example",
        "tel:123",
        "com.example.app:cb",
        "com.example.app://host/cb",
        "https://app.example\\cb",
        "https://app.example/c b",
        "https://app.example/cb\n",
        "https://app.example/cb\x00",
        "https://аpp.example/cb",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:0/cb",
        "https://app.example:99999/cb",
        "https://app.example:x/cb",
        "https://app.example;evil.example/cb",
        "https://app.example'/cb",
        'https://app.example"/cb',
        "https://app.example<x>/cb",
        "https://[::1/cb",
        "https://app.example/" + "x" * 500,
        "https://{app}.example/cb",
    ],
)
def test_what_is_no_whole_address_may_not(uri: str) -> None:
    with pytest.raises(InvalidInput):
        check_redirect(uri)
