"""Published keys: forty and more forgeries of tokens that others can verify, and how keys come and go."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.core.errors import Unauthenticated
from app.core.principal import Audience, Principal, Role
from app.core.token_keys import Algorithm, Registry, TokenKey, import_key, new_key
from app.core.tokens import claims_of
from app.services.identity.signing_keys import Ring

ISSUER = "https://wafaa.example"
NOW = 1_790_000_000.0
CLIENT = UUID("01890000-0000-7000-8000-000000000001")
SERVICE = Principal(str(uuid4()), CLIENT, Role.SERVICE, frozenset({"knowledge:read"}))

PRIVATE = {one: new_key(one) for one in (Algorithm.EDDSA, Algorithm.RS256)}
KEYS = {one: TokenKey(one, key, ISSUER, f"kid-{one}") for one, key in PRIVATE.items()}
CLAIMS = claims_of(SERVICE, ISSUER, NOW)


def b64(raw: bytes | str) -> str:
    data = raw.encode() if isinstance(raw, str) else raw
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def forged(
    by: Algorithm, header: Any = None, claims: Any = None, *, key: TokenKey | None = None
) -> str:
    """A token signed with the real key, wrong in one thing."""
    head = compact(
        {"alg": by.value, "kid": f"kid-{by}", "typ": "at+jwt"} if header is None else header
    )
    signed = f"{b64(head)}.{b64(compact(CLAIMS if claims is None else claims))}"
    registry = Registry(by)
    algorithm = registry.get_alg(by.value)
    signature = algorithm.sign(signed.encode(), (key._key if key else PRIVATE[by]))
    return f"{signed}.{b64(signature)}"


def other_alg(by: Algorithm, name: str) -> dict[str, str]:
    return {"alg": name, "kid": f"kid-{by}", "typ": "at+jwt"}


def confused(by: Algorithm) -> str:
    """HS256 with the public key as its secret: what a careless library takes for RS256."""
    public = json.dumps(KEYS[by].public()).encode()
    head = f"{b64(compact(other_alg(by, 'HS256')))}.{b64(compact(CLAIMS))}"
    return f"{head}.{b64(hmac.digest(public, head.encode(), 'sha256'))}"


def table(by: Algorithm) -> dict[str, str]:
    """Forgeries of one algorithm's tokens."""
    good = KEYS[by].sign(CLAIMS)
    head, body, signature = good.split(".")
    base = {"alg": by.value, "kid": f"kid-{by}", "typ": "at+jwt"}
    headers: dict[str, Any] = {
        "alg none": base | {"alg": "none"},
        "alg in small letters": base | {"alg": by.value.lower()},
        "alg Ed25519": base | {"alg": "Ed25519"},
        "alg RS512": base | {"alg": "RS512"},
        "alg ES256": base | {"alg": "ES256"},
        "alg PS256": base | {"alg": "PS256"},
        "alg missing": {"kid": base["kid"], "typ": "at+jwt"},
        "typ JWT, as ID tokens have": base | {"typ": "JWT"},
        "typ application/at+jwt": base | {"typ": "application/at+jwt"},
        "typ missing": {"alg": by.value, "kid": base["kid"]},
        "typ in capitals": base | {"typ": "AT+JWT"},
        "kid missing": {"alg": by.value, "typ": "at+jwt"},
        "kid of nobody": base | {"kid": "nobody"},
        "kid a path": base | {"kid": "../../../../dev/null"},
        "kid an injection": base | {"kid": "x' UNION SELECT 'k'--"},
        "kid a list": base | {"kid": [base["kid"]]},
        "kid empty": base | {"kid": ""},
        "kid of the other key": base
        | {"kid": f"kid-{Algorithm.RS256 if by is Algorithm.EDDSA else Algorithm.EDDSA}"},
        "jwk": base | {"jwk": KEYS[by].public()},
        "jku": base | {"jku": "https://evil.example/jwks.json"},
        "x5u": base | {"x5u": "https://evil.example/x"},
        "x5c": base | {"x5c": ["MIIB"]},
        "x5t": base | {"x5t": "abc"},
        "crit": base | {"crit": ["exp"]},
        "crit b64": base | {"crit": ["b64"], "b64": False},
        "b64 false": base | {"b64": False},
        "zip": base | {"zip": "DEF"},
        "cty": base | {"cty": "JWT"},
        "a header twice": compact(base)[:-1] + ',"alg":"none"}',
        "the header in another order": {"typ": "at+jwt", "alg": by.value, "kid": base["kid"]},
        "the header with a space": json.dumps(base),
        "one more": base | {"x": 1},
    }
    claims: dict[str, Any] = {
        "expired": CLAIMS | {"exp": NOW - 61},
        "exp missing": {n: v for n, v in CLAIMS.items() if n != "exp"},
        "exp a text": CLAIMS | {"exp": str(int(NOW + 60))},
        "exp too far": CLAIMS | {"exp": int(NOW) + 901},
        "nbf tomorrow": CLAIMS | {"nbf": int(NOW) + 86_400},
        "iat tomorrow": CLAIMS | {"iat": int(NOW) + 86_400, "exp": int(NOW) + 86_500},
        "aud of visitors": CLAIMS | {"aud": "wafaa-web"},
        "aud of others": CLAIMS | {"aud": "https://other.example"},
        "aud a list": CLAIMS | {"aud": ["wafaa-api"]},
        "aud missing": {n: v for n, v in CLAIMS.items() if n != "aud"},
        "iss of others": CLAIMS | {"iss": "https://evil.example"},
        "iss with a slash": CLAIMS | {"iss": ISSUER + "/"},
        "iss of our own tokens": CLAIMS | {"iss": "wafaa"},
        "sub empty": CLAIMS | {"sub": ""},
        "jti empty": CLAIMS | {"jti": ""},
        "no client": {n: v for n, v in CLAIMS.items() if n != "client"},
        "role root": CLAIMS | {"role": "root"},
        "role visitor": CLAIMS | {"role": "visitor"},
        "a claim more": CLAIMS | {"admin": True},
        "scope a list": CLAIMS | {"scope": ["admin"]},
        "a claim twice": compact(CLAIMS)[:-1] + ',"aud":"other"}',
        "not an object": "[]",
        "no JSON": "{",
    }
    stranger = TokenKey(by, new_key(by), ISSUER, f"kid-{by}")
    other = Algorithm.RS256 if by is Algorithm.EDDSA else Algorithm.EDDSA
    return (
        {name: forged(by, header) for name, header in headers.items()}
        | {name: forged(by, None, payload) for name, payload in claims.items()}
        | {
            "HS256 with the public key": confused(by),
            "a stranger's key": stranger.sign(CLAIMS),
            "no signature": f"{head}.{body}.",
            "two segments": f"{head}.{body}",
            "four segments": f"{good}.x",
            "the other key's signature": f"{head}.{body}.{KEYS[other].sign(CLAIMS).split('.')[2]}",
            "another payload": f"{head}.{b64(compact(CLAIMS | {'role': 'owner'}))}.{signature}",
            "padded": good + "=",
            "another spelling of the signature": signature_respelled(good),
            "zeros": f"{head}.{body}.{'A' * len(signature)}",
            "our own key": jwt.encode(base | {"alg": "HS256"}, CLAIMS, OctKey.import_key("x" * 40)),
        }
    )


def signature_respelled(token: str) -> str:
    """The last letter with its spare bits set: the same bytes."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) + 1]


FORGED = {(by, name): token for by in KEYS for name, token in table(by).items()}


@pytest.mark.parametrize(("by", "name"), FORGED)
def test_a_forged_token_opens_nothing(by: Algorithm, name: str) -> None:
    """Check 17: with every key that there is."""
    for key in KEYS.values():
        with pytest.raises(Unauthenticated):
            key.claims(FORGED[by, name], Audience.API, NOW)


@pytest.mark.parametrize("by", KEYS)
def test_the_tables_own_signature_is_good(by: Algorithm) -> None:
    """Otherwise the table would prove nothing; forty and more each."""
    assert len(set(table(by).values())) >= 40
    assert KEYS[by].claims(forged(by), Audience.API, NOW).principal() == SERVICE
    assert forged(by).partition(".")[0] == KEYS[by].head


@pytest.mark.parametrize("by", KEYS)
def test_a_token_that_was_read_before_still_dies_in_time(by: Algorithm) -> None:
    token = KEYS[by].sign(CLAIMS)
    assert KEYS[by].claims(token, Audience.API, NOW)
    assert KEYS[by].claims(token, Audience.API, NOW + 959)
    for late, audience in ((961, Audience.API), (0, Audience.WEB)):
        with pytest.raises(Unauthenticated):
            KEYS[by].claims(token, audience, NOW + late)


@pytest.mark.parametrize("by", KEYS)
def test_what_is_published_verifies_and_keeps_no_secret(by: Algorithm) -> None:
    public = KEYS[by].public()
    assert (public["use"], public["alg"], public["kid"]) == ("sig", by.value, f"kid-{by}")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & public.keys()
    reader = TokenKey(by, import_key(by, public), ISSUER, f"kid-{by}")
    assert reader.claims(KEYS[by].sign(CLAIMS), Audience.API, NOW).principal() == SERVICE


def ring(*starts: float) -> Ring:
    keys = [
        (at, TokenKey(Algorithm.EDDSA, new_key(Algorithm.EDDSA), ISSUER, f"k{at:.0f}"))
        for at in starts
    ]
    return Ring({Algorithm.EDDSA: keys})


@pytest.mark.parametrize(
    ("now", "signer", "alive"),
    [
        (-1, None, ["k0"]),
        (0, "k0", ["k0"]),
        (500, "k0", ["k0", "k1000"]),
        (999, "k0", ["k0", "k1000"]),
        (1000, "k1000", ["k0", "k1000"]),
        (1000 + 900 + 60, "k1000", ["k0", "k1000"]),
        (1000 + 900 + 60 + 31, "k1000", ["k1000"]),
    ],
)
def test_a_key_is_published_before_it_signs_and_stays_while_its_tokens_live(
    now: float, signer: str | None, alive: list[str]
) -> None:
    keys = ring(0.0, 1000.0) if now >= 500 else ring(0.0)
    found = keys.signer(Algorithm.EDDSA, now)
    assert (found.kid if found else None) == signer
    assert [key.kid for key in keys.alive(now)] == alive
    assert set(keys.dead(now)) == {"k0", "k1000"} - set(alive) - ({"k1000"} if now < 500 else set())
    assert keys.signer(Algorithm.RS256, now) is None


def test_a_dead_keys_tokens_are_nobodys() -> None:
    keys = ring(0.0, 1000.0)
    head = next(iter(keys.keys.values()))[0][1].head
    assert keys.by_head(head, 1000.0)
    assert keys.by_head(head, 5000.0) is None
    assert keys.by_head(hashlib.sha256(b"").hexdigest(), 0.0) is None
