"""Tokens: forty and more forgeries are refused; what we issue is read back."""

import base64
import hashlib
import hmac
import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Misconfigured, Unauthenticated
from app.core.security import Audience, Principal, Role, Tokens

SECRET = "a secret of more than thirty-two bytes"
ISSUER = "https://wafaa.example"
NOW = 1_790_000_000
CLIENT = UUID("01890000-0000-7000-8000-000000000001")
OWNER = Principal(str(uuid4()), CLIENT, Role.OWNER)
VISITOR = Principal(
    "v1", CLIENT, Role.VISITOR, contact_id=uuid4(), account_id=uuid4(), conversation_id=uuid4()
)


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


TOKENS = Tokens(SECRET, ISSUER, Clock())


def b64(value: bytes | str | dict[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode() if isinstance(value, dict) else value
    return (
        base64.urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw)
        .rstrip(b"=")
        .decode()
    )


def unb64(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def sign(
    header: dict[str, Any] | str,
    claims: dict[str, Any] | str,
    key: str = SECRET,
    how: str = "sha256",
) -> str:
    head = f"{b64(header)}.{b64(claims)}"
    return f"{head}.{b64(hmac.digest(key.encode(), head.encode(), how))}"


GOOD = unb64(TOKENS.issue(OWNER).split(".")[1])
HEADER = {"alg": "HS256", "typ": "at+jwt"}


def header(**changes: Any) -> str:
    return sign({k: v for k, v in (HEADER | changes).items() if v is not ...}, GOOD)


def claims(**changes: Any) -> str:
    return sign(HEADER, {k: v for k, v in (GOOD | changes).items() if v is not ...})


def unsigned(alg: str) -> str:
    return f"{b64(HEADER | {'alg': alg})}.{b64(GOOD)}."


HEAD, BODY, SIGNATURE = TOKENS.issue(OWNER).split(".")

FORGED = {
    "empty": "",
    "one segment": "abc",
    "four segments": f"{HEAD}.{BODY}.{SIGNATURE}.x",
    "no signature": f"{HEAD}.{BODY}.",
    "two segments": f"{HEAD}.{BODY}",
    "garbage signature": f"{HEAD}.{BODY}.{'A' * 43}",
    "padded": f"{HEAD}.{BODY}.{SIGNATURE}=",
    "surrounded by spaces": f" {HEAD}.{BODY}.{SIGNATURE}",
    "trailing newline": f"{HEAD}.{BODY}.{SIGNATURE}\n",
    "not ascii": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}é",
    "another spelling of the signature": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{'ABCD'[1]}",
    "far too long": f"{HEAD}.{BODY * 20}.{SIGNATURE}",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE": unsigned("nOnE"),
    "alg none, signed": sign(HEADER | {"alg": "none"}, GOOD),
    "alg HS384": sign(HEADER | {"alg": "HS384"}, GOOD, how="sha384"),
    "alg HS512": sign(HEADER | {"alg": "HS512"}, GOOD, how="sha512"),
    "alg RS256": header(alg="RS256"),
    "alg ES256": header(alg="ES256"),
    "alg EdDSA": header(alg="EdDSA"),
    "alg empty": header(alg=""),
    "alg missing": header(alg=...),
    "alg a list": header(alg=["HS256"]),
    "alg in small letters": header(alg="hs256"),
    "typ JWT (an ID token)": header(typ="JWT"),
    "typ missing": header(typ=...),
    "typ logout": header(typ="logout+jwt"),
    "kid a path": header(kid="../../../../dev/null"),
    "kid an injection": header(kid="x' UNION SELECT 'key'--"),
    "own key by jwk": header(jwk={"kty": "oct", "k": b64("attacker")}),
    "own key by jku": header(jku="https://attacker.example/jwks.json"),
    "own key by x5u": header(x5u="https://attacker.example/cert.pem"),
    "own key by x5c": header(x5c=["MIIB"]),
    "crit unknown": header(crit=["exp2"], exp2=1),
    "crit b64": header(crit=["b64"], b64=False),
    "b64 false": header(b64=False),
    "zip": header(zip="DEF"),
    "cty nested": header(cty="JWT"),
    "header not an object": sign("[]", GOOD),
    "header not json": sign("{", GOOD),
    "payload not an object": sign(HEADER, "[]"),
    "payload not json": sign(HEADER, "{"),
    "payload nested deep": sign(HEADER, "[" * 2000),
    "other secret": sign(HEADER, GOOD, key="another secret of more than thirty-two bytes"),
    "empty secret": sign(HEADER, GOOD, key=""),
    "expired": claims(exp=NOW - 61),
    "exp missing": claims(exp=...),
    "exp null": claims(exp=None),
    "exp a text": claims(exp=str(NOW + 60)),
    "exp true": claims(exp=True),
    "exp NaN": sign(HEADER, json.dumps(GOOD | {"exp": float("nan")})),
    "exp infinite": sign(HEADER, json.dumps(GOOD | {"exp": float("inf")})),
    "exp a fraction": claims(exp=NOW + 60.5),
    "exp in a thousand years": claims(exp=NOW + 31_536_000_000),
    "exp with five thousand digits": sign(HEADER, '{"exp":' + "9" * 1900 + "}"),
    "iat missing": claims(iat=...),
    "iat in the future": claims(iat=NOW + 120, exp=NOW + 180),
    "not before tomorrow": claims(nbf=NOW + 86_400),
    "aud for visitors": claims(aud="wafaa-web"),
    "aud somebody else's": claims(aud="other"),
    "aud missing": claims(aud=...),
    "aud a list": claims(aud=["wafaa-api", "wafaa-web"]),
    "iss somebody else": claims(iss="https://attacker.example"),
    "iss missing": claims(iss=...),
    "iss a list": claims(iss=[ISSUER]),
    "sub missing": claims(sub=...),
    "sub empty": claims(sub=""),
    "sub a number": claims(sub=1),
    "client missing": claims(client=...),
    "client no id": claims(client="*"),
    "client a list": claims(client=[str(CLIENT)]),
    "client_id missing": claims(client_id=...),
    "jti missing": claims(jti=...),
    "role unknown": claims(role="root"),
    "role missing": claims(role=...),
    "role visitor at the console's door": claims(role="visitor"),
    "claim that nobody knows": claims(admin=True),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_opens_nothing(name: str) -> None:
    """Check 17: the table of forgeries."""
    with pytest.raises(Unauthenticated) as caught:
        TOKENS.verify(FORGED[name])
    assert caught.value.message == Unauthenticated().message, "the reason is not told"


def test_the_table_has_at_least_forty_forgeries() -> None:
    assert len(set(FORGED.values())) >= 40


def test_the_tables_own_signature_is_good() -> None:
    """Otherwise the table would prove nothing."""
    assert TOKENS.verify(sign(HEADER, GOOD)) == OWNER


def test_an_issued_token_has_every_claim_of_rfc_9068() -> None:
    """Check 18."""
    assert unb64(HEAD) == HEADER
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(GOOD)
    assert GOOD["client"] == str(CLIENT)
    assert GOOD["exp"] - GOOD["iat"] == 900


@pytest.mark.parametrize("role", Role)
def test_each_role_comes_back_through_its_own_door_only(role: Role) -> None:
    principal = Principal(str(uuid4()), CLIENT, role, scopes=frozenset({"a", "b"}))
    token = TOKENS.issue(principal)
    assert TOKENS.verify(token, principal.audience) == principal
    other = Audience.API if principal.audience is Audience.WEB else Audience.WEB
    with pytest.raises(Unauthenticated):
        TOKENS.verify(token, other)


def test_a_visitors_token_carries_contact_conversation_and_account() -> None:
    assert TOKENS.verify(TOKENS.issue(VISITOR), Audience.WEB) == VISITOR


def test_a_token_dies_after_its_time_and_a_minute() -> None:
    clock = Clock()
    tokens = Tokens(SECRET, ISSUER, clock)
    token = tokens.issue(OWNER, timedelta(minutes=5))
    clock.now = NOW + 359
    assert tokens.verify(token) == OWNER
    clock.now = NOW + 361
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


@pytest.mark.parametrize(
    ("principal", "longest"), [(OWNER, timedelta(minutes=15)), (VISITOR, timedelta(hours=24))]
)
def test_no_token_is_issued_for_longer_than_its_audience_allows(
    principal: Principal, longest: timedelta
) -> None:
    assert TOKENS.issue(principal, longest)
    for ttl in (longest + timedelta(seconds=1), timedelta(), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="lives at most"):
            TOKENS.issue(principal, ttl)


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_secret_is_refused(secret: str) -> None:
    """Check 19."""
    with pytest.raises(Misconfigured, match="32 bytes"):
        Tokens(secret, ISSUER)


def test_a_staff_id_that_is_none_is_refused() -> None:
    assert OWNER.staff_id == UUID(OWNER.subject)
    with pytest.raises(Unauthenticated):
        _ = VISITOR.staff_id


def test_two_tokens_never_share_an_id() -> None:
    assert len({unb64(TOKENS.issue(OWNER).split(".")[1])["jti"] for _ in range(50)}) == 50


@given(
    st.text(max_size=200)
    | st.from_regex(re.compile(r"\A[\w-]{1,80}\.[\w-]{1,80}\.[\w-]{42}A\Z", re.ASCII))
)
def test_no_text_whatsoever_raises_anything_else(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.verify(text)


@given(st.integers(0, len(HEAD) + len(BODY) + len(SIGNATURE) + 1), st.integers(1, 127))
def test_one_changed_character_opens_nothing(place: int, flip: int) -> None:
    token = TOKENS.issue(OWNER)
    place %= len(token)
    changed = token[:place] + chr(ord(token[place]) ^ flip) + token[place + 1 :]
    with pytest.raises(Unauthenticated):
        TOKENS.verify(changed)


def test_the_secret_is_in_no_token() -> None:
    assert hashlib.sha256(SECRET.encode()).hexdigest() not in TOKENS.issue(OWNER)
