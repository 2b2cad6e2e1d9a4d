"""An OpenID Connect issuer on loopback that lets everybody in at once, and lies as it is told to."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from simulators._oidc_profiles import PLAIN, Claims, Person, Profile

__all__ = ["Behaviour", "OidcSimulator", "Person"]

ENDLESS = 60.0
_FORM = (
    '<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">'
    '<form method="post"><label>Password <input type="password" autofocus></label><button>Sign in</button></form>'
)


@dataclass
class Behaviour:
    """How it lies; by itself it tells the truth.

    Attributes:
        claims: Changes an ID token's claims.
        header: Changes its header.
        token: Changes what is sent for a token.
        metadata: Changes its description.
        answer: Changes what people bring back in their query.
        hang: Paths that don't answer.
        status: Statuses of paths, where they aren't 200.
        foreign_key: Signs with a key that it doesn't show, under the name of one that it does.
        key_as_secret: Signs with HS256, its public key being the secret.
        asks: Shows people a page with a form first, as providers do.
    """

    claims: Callable[[Claims], Claims] = lambda claims: claims
    header: Mapping[str, Any] = field(default_factory=dict)
    token: Callable[[str], str] = lambda token: token
    metadata: Mapping[str, Any] = field(default_factory=dict)
    answer: Callable[[dict[str, str]], dict[str, str]] = lambda answer: answer
    hang: frozenset[str] = frozenset()
    status: Mapping[str, int] = field(default_factory=dict)
    foreign_key: bool = False
    key_as_secret: bool = False
    asks: bool = False


class OidcSimulator:
    """The issuer.

    Attributes:
        profile: Whose ways it has.
        behaviour: How it lies; may be replaced at any time.
        person: Who signs in next.
        requests: Paths asked for, in order.
    """

    def __init__(
        self,
        profile: Profile = PLAIN,
        application: str = "wafaa",
        secret: str = "a/b+c:d",  # noqa: S107 - Made up, like everything here.
    ) -> None:
        self.profile, self.application, self.secret = profile, application, secret
        self.behaviour, self.person = Behaviour(), Person()
        self.requests: list[str] = []
        self.url = ""
        self._keys: list[RSAKey] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._hanging = asyncio.Event()
        self.rotate()

    def rotate(self) -> None:
        """Signs with a new key from now on, and shows no older one."""
        self._keys = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})]

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._misbehave])
        app.add_routes(
            [
                web.get(
                    f"{self.profile.path.rstrip('/')}/.well-known/openid-configuration",
                    self._metadata,
                ),
                web.get("/keys", self._show_keys),
                web.get("/authorize", self._ask),
                web.post("/authorize", self._authorize),
                web.post("/token", self._token),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._hanging.set()
        await self._runner.cleanup()

    @property
    def issuer(self) -> str:
        """Its name."""
        return self.url + self.profile.path

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path)
        if request.path in self.behaviour.hang:
            await asyncio.wait_for(self._hanging.wait(), ENDLESS)
        if status := self.behaviour.status.get(request.path):
            headers = {"location": "/elsewhere"} if 300 <= status < 400 else {}
            return web.Response(text="<html>no</html>", status=status, headers=headers)
        response: web.StreamResponse = await handler(request)
        return response

    async def _metadata(self, _: web.Request) -> web.Response:
        told: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "authorization_response_iss_parameter_supported": self.profile.names_itself,
            "token_endpoint_auth_methods_supported": list(self.profile.proofs),
        }
        return web.json_response(told | dict(self.behaviour.metadata))

    async def _show_keys(self, _: web.Request) -> web.Response:
        odd = [
            {"kty": "odd", "kid": "odd"},
            {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
            "no key",
        ]
        shown = [key.as_dict(private=False) for key in self._keys]
        return web.json_response({"keys": [*odd, *shown]})

    async def _ask(self, request: web.Request) -> web.Response:
        if not self.behaviour.asks:
            return await self._authorize(request)
        return web.Response(text=_FORM, content_type="text/html")

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if asked.get("client_id") != self.application or asked.get("response_type") != "code":
            raise web.HTTPBadRequest
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"]}
        if self.profile.names_itself:
            answer["iss"] = self.issuer
        query = urlencode(self.behaviour.answer(answer))
        raise web.HTTPFound(f"{asked['redirect_uri']}?{query}")

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        asked = self._codes.pop(str(form.get("code")), None)
        verifier = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        known = self._is_known(request, form)
        if asked is None or not known or asked["code_challenge"] != challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = self.behaviour.token(self.sign(self._claims(asked["nonce"])))
        return web.json_response({"token_type": "Bearer", "access_token": "x", "id_token": token})

    def _is_known(self, request: web.Request, form: Mapping[str, Any]) -> bool:
        """Whether the application proves itself in a way that was told."""
        basic = request.headers.get("authorization") == _basic(self.application, self.secret)
        posted = (form.get("client_id"), form.get("client_secret")) == (
            self.application,
            self.secret,
        )
        proofs = self.profile.proofs
        return (basic and "client_secret_basic" in proofs) or (
            posted and "client_secret_post" in proofs
        )

    def _claims(self, nonce: str) -> Claims:
        now, person = int(time.time()), self.person
        claims: Claims = {
            "iss": self.issuer,
            "aud": self.application,
            "sub": person.subject,
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            "name": person.name,
        }
        return self.behaviour.claims(claims | self.profile.claims(person))

    def sign(self, claims: Claims) -> str:
        """An ID token."""
        key = self._keys[0]
        header = {"alg": "RS256", "kid": key.kid, "typ": "JWT"} | dict(self.behaviour.header)
        payload = json.dumps(claims).encode()
        if self.behaviour.key_as_secret:
            pem = key.as_pem(private=False)
            shared = OctKey.import_key(pem)
            return jws.serialize_compact(header | {"alg": "HS256"}, payload, shared, ["HS256"])
        if header["alg"] == "none":
            parts = (json.dumps(header).encode(), payload)
            return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts) + "."
        signing = RSAKey.generate_key(2048) if self.behaviour.foreign_key else key
        return jws.serialize_compact(header, payload, signing, ["RS256"])


def _basic(application: str, secret: str) -> str:
    form = urlencode({application: secret}).replace("=", ":", 1)
    return f"Basic {base64.b64encode(form.encode()).decode()}"
