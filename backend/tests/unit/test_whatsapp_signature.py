"""The signature over the raw bytes, and the handshake."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.core.errors import InvalidInput, InvalidSignature
from app.services.channels import _meta
from app.services.channels.base import WebhookRequest

SECRET = SecretStr("test-app-secret-do-not-use")
BODY = (
    rb'{"object":"whatsapp_business_account","entry":[{"id":"900100","changes":[{"field":"messages","value":'
    rb'{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001111","phone_number_id":"900200"},'
    rb'"contacts":[{"profile":{"name":"\u0644\u064a\u0644\u0649"},"wa_id":"15550002222","user_id":"AE.900300"}],'
    rb'"messages":[{"from":"15550002222","from_user_id":"AE.900300","id":"wamid.TESTaaa=","timestamp":"1790000000",'
    rb'"type":"text","text":{"body":"\u0645\u0631\u062d\u0628\u0627 \ud83d\ude42 https:\/\/example.org"}}]}}]}]}'
)
HEX = "5e0cf7153d1454e57ad68ecbd7e56c6b1cbc12aea5f521a7cb858192fb17afe1"


def call(body: bytes, signature: str | None) -> WebhookRequest:
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return WebhookRequest(headers, {}, body)


def signed(body: bytes, secret: SecretStr = SECRET) -> str:
    key = secret.get_secret_value().encode()
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def accepts(request: WebhookRequest, *secrets: SecretStr) -> bool:
    try:
        _meta.verify(request, secrets or (SECRET,))
    except InvalidSignature:
        return False
    return True


def test_the_published_vector_is_right() -> None:
    assert len(BODY) == 528
    assert accepts(call(BODY, f"sha256={HEX}"))


def test_the_same_document_written_differently_is_refused() -> None:
    rewritten = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":"))
    assert signed(rewritten.encode()).startswith("sha256=fcc91bea")
    assert not accepts(call(rewritten.encode(), f"sha256={HEX}"))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        HEX,
        f"sha256={HEX[:63]}",
        f"sha256={HEX}0",
        f"sha256={HEX}\n",
        f" sha256={HEX}",
        f"sha1={HEX}",
        f"sha256={HEX[:-1]}é",
        f"sha256={HEX[:-2]}٣٤",
        f"sha256={HEX}, sha256={HEX}",
        "sha256=" + " ".join(HEX[n : n + 2] for n in range(0, 64, 2)),
        signed(BODY, SecretStr("another-app")),
    ],
)
def test_odd_headers_are_refused(header: str | None) -> None:
    assert not accepts(call(BODY, header))


def test_hex_digits_may_be_upper_case() -> None:
    assert accepts(call(BODY, f"sha256={HEX.upper()}"))


def test_a_header_sent_twice_passes_for_neither() -> None:
    assert not accepts(call(BODY, f"sha256={HEX}, {signed(BODY, SecretStr('another-app'))}"))
    assert not accepts(call(BODY, f"{signed(BODY, SecretStr('another-app'))}, sha256={HEX}"))


def test_any_of_several_secrets_may_have_signed() -> None:
    assert accepts(call(BODY, f"sha256={HEX}"), SecretStr("older"), SECRET)


@pytest.mark.parametrize("secrets", [(), (SecretStr(""),)])
def test_without_a_secret_nothing_is_accepted(secrets: tuple[SecretStr, ...]) -> None:
    with pytest.raises(InvalidSignature):
        _meta.verify(call(BODY, signed(BODY, SecretStr(""))), secrets)


def test_an_empty_body_is_signed_like_any_other() -> None:
    assert accepts(call(b"", signed(b"")))
    assert not accepts(call(b"", f"sha256={HEX}"))


@given(st.integers(0, 8 * len(BODY) - 1))
def test_a_flipped_bit_of_the_body_is_refused(bit: int) -> None:
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not accepts(call(bytes(flipped), f"sha256={HEX}"))


@given(st.integers(0, 255))
def test_a_flipped_bit_of_the_signature_is_refused(bit: int) -> None:
    assert not accepts(call(BODY, f"sha256={int(HEX, 16) ^ (1 << bit):064x}"))


@given(st.binary(max_size=64), st.text(max_size=100))
def test_no_header_and_no_body_raise_anything_else(body: bytes, header: str) -> None:
    assert not accepts(call(body, header))


def test_a_body_signed_in_its_escaped_form_is_accepted() -> None:
    body = '{"text":"äöå مرحبا 🙂 \\u00e4"}'.encode()
    escaped = rb'{"text":"\u00e4\u00f6\u00e5 \u0645\u0631\u062d\u0628\u0627 \ud83d\ude42 \u00e4"}'
    assert accepts(call(body, signed(body)))
    assert accepts(call(body, signed(escaped)))
    assert not accepts(call(body, signed(b"something else")))


def test_bytes_that_are_no_text_are_only_compared_as_they_are() -> None:
    assert accepts(call(b"\xff\xfe", signed(b"\xff\xfe")))
    assert not accepts(call(b"\xff\xfe", signed(b"")))


TOKEN = SecretStr("a-verify-token")


def handshake(
    mode: str = "subscribe", token: str = "a-verify-token", word: str = "1158201444"
) -> str:
    query = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": word}
    return _meta.challenge(WebhookRequest({}, query, b""), TOKEN)


def test_the_handshake_returns_the_challenge() -> None:
    assert handshake() == "1158201444"


@pytest.mark.parametrize(
    ("mode", "token"),
    [
        ("subscribe", ""),
        ("subscribe", "a-verify-toke"),
        ("subscribe", "رمز"),
        ("subscribe", "\ud800"),
        ("unsubscribe", "a-verify-token"),
        ("", "a-verify-token"),
    ],
)
def test_the_handshake_refuses_another_mode_or_token(mode: str, token: str) -> None:
    with pytest.raises(InvalidSignature):
        handshake(mode, token)


def test_an_empty_verify_token_matches_nothing() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
    with pytest.raises(InvalidSignature):
        _meta.challenge(WebhookRequest({}, query, b""), SecretStr(""))


@pytest.mark.parametrize("word", ["", "<script>alert(1)</script>", "a b", "1\n", "x" * 257, "١٢٣"])
def test_the_handshake_refuses_a_challenge_that_is_more_than_a_word(word: str) -> None:
    with pytest.raises(InvalidInput):
        handshake(word=word)
