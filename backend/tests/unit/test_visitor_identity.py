"""The word of a client's server: our published vector, and what is no such word."""

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import OctKey, OKPKey

from app.core.errors import Unauthenticated
from app.core.token_keys import Registry
from app.core.visitor_identity import Identity, IdentityRules, parse_keys

SECRET = "test-identity-secret-32-bytes-long!!"
ISSUED, EXPIRES = 1_790_000_000, 1_790_000_600
NOW = 1_790_000_300
VECTOR = (
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJhY21lLXNpdGUiLCJhdWQiOiJ3YWZhYS13ZWIiLCJzdWIiOiJ1c2Vy"
    "LTQyIiwidGVuYW50IjoiYWNtZSIsImlhdCI6MTc5MDAwMDAwMCwiZXhwIjoxNzkwMDAwNjAwLCJqdGkiOiJqMSJ9.gwMK3e-rvrBHrSafpjGgEJEup"
    "-OGgpEkQ8-Zi40Gtpg"
)
PAIR = OKPKey.generate_key("Ed25519", private=True)
PUBLIC = PAIR.as_dict(private=False)["x"]
RULES = IdentityRules(
    parse_keys(f"k1={SECRET} k2=ed25519:{PUBLIC}"), "acme", None, frozenset({"plan"})
)
CLAIMS = {
    "iss": "acme-site",
    "aud": "wafaa-web",
    "sub": "user-42",
    "tenant": "acme",
    "iat": ISSUED,
    "exp": EXPIRES,
    "jti": "j1",
}
HEADER = {"alg": "HS256", "kid": "k1", "typ": "JWT"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(header: Any = None, claims: Any = None, key: Any = None) -> str:
    """A token with any header whatsoever, signed as well as its algorithm allows."""
    header = HEADER if header is None else header
    name = header.get("alg")
    known = str(name) if name in ("EdDSA", "Ed25519") else "HS256"
    signer = key or (OctKey.import_key(SECRET) if known == "HS256" else PAIR)
    payload = (
        claims if isinstance(claims, str) else json.dumps(CLAIMS if claims is None else claims)
    )
    head = f"{b64(json.dumps(header).encode())}.{b64(payload.encode())}"
    return f"{head}.{b64(Registry(known).get_alg(known).sign(head.encode(), signer))}"


def test_our_published_vector_is_believed_in_its_time_only() -> None:
    assert RULES.read(VECTOR, NOW) == Identity("user-42")
    for late in (EXPIRES + 100, EXPIRES + 60, ISSUED - 61):
        with pytest.raises(Unauthenticated):
            RULES.read(VECTOR, late)


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_a_key_pairs_word_counts_under_both_its_names(alg: str) -> None:
    token = sign({"alg": alg, "kid": "k2", "typ": "JWT"})
    assert RULES.read(token, NOW).subject == "user-42"


def test_only_listed_attributes_are_taken_over() -> None:
    claims = CLAIMS | {"name": "سارة", "attributes": {"plan": "gold", "is_admin": True}}
    assert RULES.read(sign(claims=claims), NOW) == Identity("user-42", "سارة", {"plan": "gold"})


def test_without_a_name_the_only_key_counts() -> None:
    one = IdentityRules(parse_keys(f"k1={SECRET}"), "acme")
    assert one.read(sign({"alg": "HS256"}), NOW).subject == "user-42"
    with pytest.raises(Unauthenticated):
        RULES.read(sign({"alg": "HS256"}), NOW)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


BAD: dict[str, str] = {
    "alg none": sign(HEADER | {"alg": "none"}),
    "alg HS512": sign(HEADER | {"alg": "HS512"}),
    "alg RS256": sign(HEADER | {"alg": "RS256"}),
    "the pair's key by HS256": sign({"alg": "HS256", "kid": "k2"}, key=OctKey.import_key(PUBLIC)),
    "the secret's name by EdDSA": sign({"alg": "EdDSA", "kid": "k1"}),
    "another secret": sign(key=OctKey.import_key("another secret of more than thirty-two bytes")),
    "another pair": sign(
        {"alg": "EdDSA", "kid": "k2"}, key=OKPKey.generate_key("Ed25519", private=True)
    ),
    "kid unknown": sign(HEADER | {"kid": "k3"}),
    "kid a path": sign(HEADER | {"kid": "../k1"}),
    "kid a list": sign(HEADER | {"kid": ["k1"]}),
    "jku": sign(HEADER | {"jku": "https://evil.example"}),
    "jwk": sign(HEADER | {"jwk": {"kty": "oct", "k": "eA"}}),
    "crit": sign(HEADER | {"crit": []}),
    "b64": sign(HEADER | {"b64": False}),
    "typ an access token": sign(HEADER | {"typ": "at+jwt"}),
    "aud missing": sign(claims=without("aud")),
    "aud other": sign(claims=CLAIMS | {"aud": "wafaa-api"}),
    "aud a list": sign(claims=CLAIMS | {"aud": ["wafaa-web"]}),
    "another client": sign(claims=CLAIMS | {"tenant": "other"}),
    "exp missing": sign(claims=without("exp")),
    "iat missing": sign(claims=without("iat")),
    "lives two hours": sign(claims=CLAIMS | {"exp": ISSUED + 7200}),
    "lives backwards": sign(claims=CLAIMS | {"exp": ISSUED - 1}),
    "iat tomorrow": sign(claims=CLAIMS | {"iat": NOW + 3600, "exp": NOW + 3700}),
    "nbf tomorrow": sign(claims=CLAIMS | {"nbf": NOW + 3600}),
    "exp a text": sign(claims=CLAIMS | {"exp": str(EXPIRES)}),
    "sub missing": sign(claims=without("sub")),
    "sub empty": sign(claims=CLAIMS | {"sub": ""}),
    "sub a number": sign(claims=CLAIMS | {"sub": 42}),
    "sub too long": sign(claims=CLAIMS | {"sub": "x" * 256}),
    "sub with NUL": sign(claims=CLAIMS | {"sub": "a\0b"}),
    "attributes too many": sign(claims=CLAIMS | {"attributes": {"plan": "x" * 2100}}),
    "attributes nested": sign(claims=CLAIMS | {"attributes": {"plan": {"a": 1}}}),
    "a claim twice": sign(claims=json.dumps(CLAIMS)[:-1] + ', "sub": "somebody-else"}'),
    "not an object": sign(claims="[]"),
    "no signature": VECTOR.rpartition(".")[0] + ".",
    "two segments": VECTOR.rpartition(".")[0],
    "empty": "",
    "a letter more": VECTOR + "A",
    "padded": VECTOR + "=",
    "a bare hash": "9de69cb759728ae928361cdee62c53da10c69c56e84c66567467ca6c212ca804",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_word_of_the_clients_server_is_refused(name: str) -> None:
    with pytest.raises(Unauthenticated):
        RULES.read(BAD[name], NOW)


def test_the_tables_own_signature_is_good() -> None:
    assert RULES.read(sign(), NOW).subject == "user-42"


def test_an_issuer_that_is_set_is_the_only_one() -> None:
    for issuer, good in (("acme-site", True), ("other", False)):
        rules = IdentityRules(RULES.keys, "acme", issuer)
        if good:
            assert rules.read(VECTOR, NOW)
        else:
            with pytest.raises(Unauthenticated):
                rules.read(VECTOR, NOW)


@pytest.mark.parametrize(
    "text",
    ["", "k1", "k1=", "k1=short", f"={SECRET}", f"k1={SECRET} k1={SECRET}", f"a={SECRET} b={SECRET} c={SECRET}",
     "k1=ed25519:short", f"k 1={SECRET}", f"k1={SECRET} nonsense"],
)  # fmt: skip
def test_keys_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_keys(text)
