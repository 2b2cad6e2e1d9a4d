"""Signing in at an identity provider: OpenID Connect's authorization code flow with PKCE, state and nonce."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from app.core.errors import Unauthenticated, UpstreamRefused
from app.services.identity.issuers import Issuers, Metadata

ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA",
]  # fmt: skip
"""Signatures alone: no shared secret, so that a public key can't be taken for one."""
CALLBACK = "/signin/sso/callback"
"""Where providers send people back to."""
LEEWAY_SECONDS = 60
GOOGLE = "https://accounts.google.com"
SPELLINGS = {GOOGLE: ("accounts.google.com",)}
"""How tokens may name an issuer beside its name: Google's older ones do so without the scheme."""
LONGEST_TOKEN = 16_384
LONGEST_SIGN_IN = 600.0
"""Seconds between leaving for the provider and coming back."""
NOT_RIGHT = "The identity provider's answer isn't right. Start signing in again."


@dataclass(frozen=True, slots=True)
class Application:
    """What we are at an issuer."""

    issuer: str
    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody on the way to their provider and back; only their own browser keeps this."""

    client_id: str
    issuer: str
    state: str
    nonce: str
    verifier: str
    return_to: str

    def note(self) -> dict[str, str]:
        """As a note for the browser."""
        return asdict(self)


class OpenIdConnect:
    """Sends people to their provider, and reads what it says of them."""

    def __init__(
        self, issuers: Issuers, redirect_uri: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuers = issuers
        self.redirect_uri = redirect_uri
        self._clock = clock

    async def leave(
        self, application: Application, client_id: str, return_to: str, *, language: str
    ) -> tuple[str, Pending]:
        """Where to send somebody, and what their browser has to bring back.

        Raises:
            UpstreamUnavailable: The provider can't be reached.
            UpstreamRefused: It doesn't answer as one does.
        """
        metadata = await self.issuers.metadata(application.issuer)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": application.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        joint = "&" if "?" in metadata.authorization else "?"
        pending = Pending(client_id, application.issuer, state, nonce, verifier, return_to)
        return f"{metadata.authorization}{joint}{urlencode(asked)}", pending

    async def come_back(
        self, application: Application, pending: Pending, answer: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """What the provider says of who comes back: the claims of its ID token.

        Raises:
            Unauthenticated: The answer isn't one to this browser's question, or the token isn't right.
            UpstreamUnavailable: The provider can't be reached.
            UpstreamRefused: It doesn't answer as one does.
        """
        metadata = await self.issuers.metadata(application.issuer)
        if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise Unauthenticated(NOT_RIGHT)
        named = answer.get("iss")
        if (named is not None or metadata.names_itself) and named != metadata.issuer:
            raise Unauthenticated(NOT_RIGHT)  # Another provider's answer, mixed up with this one's.
        if "code" not in answer:
            raise Unauthenticated("The identity provider let nobody in. Start signing in again.")
        token = await self._exchange(metadata, application, pending, answer["code"])
        return await self.verify(metadata, application, token, pending.nonce)

    async def _exchange(
        self, metadata: Metadata, application: Application, pending: Pending, code: str
    ) -> str:
        """The ID token behind a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {}
        if metadata.posts_secret:
            form |= {"client_id": application.id, "client_secret": application.secret}
        else:
            pair = f"{quote_plus(application.id)}:{quote_plus(application.secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        told = await self.issuers.post(metadata.token, urlencode(form).encode(), headers)
        token = told.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("The identity provider let nobody in. Start signing in again.")
        return token

    async def verify(
        self, metadata: Metadata, application: Application, token: str, nonce: str
    ) -> Mapping[str, Any]:
        """The claims of an ID token that passes every check.

        Raises:
            Unauthenticated: It doesn't.
            UpstreamUnavailable: The provider's keys can't be read.
        """
        try:
            claims = await self._read(metadata, token)
            self._expected(metadata, application, nonce).validate(claims)
        except UpstreamRefused as error:
            raise Unauthenticated(NOT_RIGHT) from error
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated(NOT_RIGHT) from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != application.id:
            raise Unauthenticated(NOT_RIGHT)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise Unauthenticated(NOT_RIGHT)
        return claims

    async def _read(self, metadata: Metadata, token: str) -> dict[str, Any]:
        """The claims, if the issuer signed them."""
        if len(token) > LONGEST_TOKEN or token.count(".") != 2:
            raise ValueError("Not a compact token.")
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS or header.get("typ", "JWT").lower() != "jwt":
            raise ValueError("Not an ID token's header.")
        kid = header.get("kid")
        key = await self.issuers.key(metadata, kid if isinstance(kid, str) else None)
        registry = JWSRegistry(algorithms=ALGORITHMS)
        return jwt.decode(token, key, registry=registry).claims

    def _expected(
        self, metadata: Metadata, application: Application, nonce: str
    ) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_SECONDS,
            iss={
                "essential": True,
                "values": [metadata.issuer, *SPELLINGS.get(metadata.issuer, ())],
            },
            aud={"essential": True, "value": application.id},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
        )


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
