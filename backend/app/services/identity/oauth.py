"""Our authorization server: codes for people's consent; tokens for codes, refresh tokens and applications themselves.

What OAuth 2.1 leaves out isn't here: no implicit grant, no passwords, no PKCE in plain text.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.core.multi_tenant import Database, TenantTx
from app.core.security import LONGEST_LIFE, RIGHTS, Principal, Role, Scope
from app.core.token_keys import Algorithm
from app.core.tokens import claims_of
from app.models.audit import AuditEntry
from app.models.oauth import LivingApplication, OAuthGrant, OAuthRefreshToken
from app.services.identity import applications
from app.services.identity.applications import hash_of, new_secret
from app.services.identity.signing_keys import SigningKeys
from app.utils.ids import uuid7

CODE_LIFE: Final = timedelta(seconds=60)
REFRESH_LIFE: Final = timedelta(days=30)
GRANT_LIFE: Final = timedelta(days=180)
"""After this a colleague is asked again."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class Refused(Exception):
    """What OAuth answers in its own words (RFC 6749 §4.1.2.1 and §5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token request was answered with."""

    access_token: str = field(repr=False)
    scopes: frozenset[str]
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: int = int(LONGEST_LIFE.total_seconds())


@dataclass(frozen=True, slots=True)
class Asked:
    """What an application asks a colleague for. Its redirect address was found on the application's own list."""

    application: LivingApplication
    redirect_uri: str
    state: str | None
    scopes: frozenset[Scope]
    challenge: str


def scopes_for(
    application: LivingApplication, wanted: str | None, most: Iterable[str]
) -> frozenset[Scope]:
    """The scopes that an application gets: what it asks for, or without that all that it may have.

    Raises:
        Refused: It asks for more.
    """
    allowed = frozenset(application.scopes) & frozenset(most)
    asked = frozenset(wanted.split()) if wanted else allowed
    if not asked or asked - allowed:
        raise Refused(
            "invalid_scope", "The application, or who is signed in, doesn't have these rights."
        )
    return frozenset(map(Scope, asked))


def check_challenge(challenge: str | None, method: str | None) -> str:
    """The challenge of PKCE (RFC 7636); only S256 is one.

    Raises:
        Refused: There is none, or it is in plain text.
    """
    if challenge is None or not _CHALLENGE.fullmatch(challenge) or method != "S256":
        raise Refused(
            "invalid_request", "PKCE is needed: code_challenge with code_challenge_method=S256."
        )
    return challenge


class Authority:
    """Gives out codes and tokens, and takes them back."""

    def __init__(
        self, db: Database, signing_keys: SigningKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = signing_keys.issuer
        self._db = db
        self._signing_keys = signing_keys
        self._clock = clock

    async def application(self, application_id: str) -> LivingApplication | None:
        """The application behind a public id."""
        return await applications.find(self._db, application_id)

    async def authenticate(self, application_id: str, secret: str | None) -> LivingApplication:
        """The application that is calling.

        Raises:
            Refused: It isn't known, or doesn't prove who it is.
        """
        found = await self.application(application_id)
        if found is None or not applications.knows_secret(found, secret):
            raise Refused("invalid_client", "The application isn't known, or its secret is wrong.")
        return found

    async def allow(self, asked: Asked, person: Principal) -> str:
        """Notes that a colleague lets an application act for them; gives the code to fetch tokens with."""
        code, grant_id = new_secret("wfc_"), uuid7()
        grant = OAuthGrant(
            id=grant_id,
            application_id=asked.application.id,
            staff_id=person.staff_id,
            scopes=sorted(asked.scopes),
            code_hash=hash_of(code),
            challenge=asked.challenge,
            redirect_uri=asked.redirect_uri,
        )
        async with self._db.tenant(person.client_id) as tx:
            await OAuthGrant.open(tx, grant, code_life=CODE_LIFE, life=GRANT_LIFE)
            await AuditEntry.add(
                tx, person.subject, "application.allowed", str(asked.application.id),
                {"grant": str(grant_id), "scopes": grant.scopes},
            )  # fmt: skip
        return code

    async def by_itself(self, application: LivingApplication, wanted: str | None) -> Issued:
        """A token with which an application acts for the client itself (``client_credentials``).

        Raises:
            Refused: It has no secret to prove itself with, or asks for too much.
        """
        if application.secret_hash is None:
            raise Refused(
                "unauthorized_client", "An application without a secret can't act by itself."
            )
        scopes = scopes_for(application, wanted, RIGHTS[Role.SERVICE])
        principal = Principal(str(application.id), application.client_id, Role.SERVICE, scopes)
        return Issued(await self._sign(application, principal), scopes)

    async def exchange(
        self, application: LivingApplication, code: str, redirect_uri: str, verifier: str
    ) -> Issued:
        """Tokens for a code. A code is good once: whoever shows it again ends all that it brought.

        Raises:
            Refused: The code isn't good, or wasn't made for this.
        """
        async with self._db.tenant(application.client_id) as tx:
            grant = await OAuthGrant.exchange(tx, hash_of(code))
            if grant is not None and _fits(grant, application, redirect_uri, verifier):
                opened = await self._opened(tx, grant, frozenset(grant.scopes))
            else:  # Committed, not raised: what was shown twice has to end.
                await _end(tx, grant.id if grant else await OAuthGrant.of_code(tx, hash_of(code)))
                opened = None
        return await self._issued(application, opened)

    async def refresh(
        self, application: LivingApplication, token: str, wanted: str | None
    ) -> Issued:
        """New tokens for a refresh token. It is good once: whoever shows it again ends the whole family.

        Raises:
            Refused: The token isn't good, or more is asked for than was granted.
        """
        async with self._db.tenant(application.client_id) as tx:
            grant_id = await OAuthRefreshToken.grant_of(tx, hash_of(token))
            grant = await OAuthGrant.get(tx, grant_id) if grant_id else None
            opened = None
            if grant is not None and grant.application_id == application.id:
                scopes = scopes_for(application, wanted or " ".join(grant.scopes), grant.scopes)
                if await OAuthRefreshToken.use(tx, hash_of(token)):
                    opened = await self._opened(tx, grant, scopes)
                else:
                    await _end(tx, grant.id)
        return await self._issued(application, opened)

    async def revoke(self, application: LivingApplication, token: str) -> None:
        """Ends what a token belongs to (RFC 7009). A token that is none of the application's is no mistake.

        Raises:
            Refused: It is an access token that belongs to no grant: it ends by itself, within minutes.
        """
        claims = await self._signing_keys.readable(token)
        if claims is not None and claims.grant is None:
            raise Refused(
                "unsupported_token_type", "This access token ends by itself, in 15 minutes."
            )
        async with self._db.tenant(application.client_id) as tx:
            if claims is None:
                grant_id = await OAuthRefreshToken.grant_of(tx, hash_of(token))
            else:
                grant_id = claims.grant if claims.client == application.client_id else None
            grant = await OAuthGrant.get(tx, grant_id) if grant_id else None
            if grant is not None and grant.application_id == application.id:
                await OAuthGrant.revoke(tx, grant.id)

    async def _opened(
        self, tx: TenantTx, grant: OAuthGrant, scopes: frozenset[str]
    ) -> tuple[OAuthGrant, Principal, str] | None:
        """A living grant's next refresh token, and who its access token speaks of."""
        role = await OAuthGrant.role(tx, grant.id)
        if role is None:
            return None
        refresh = new_secret("wfr_")
        await OAuthRefreshToken.add(tx, grant.id, hash_of(refresh), REFRESH_LIFE)
        principal = Principal(
            str(grant.staff_id), grant.client_id, Role(role), scopes, str(grant.application_id)
        )
        return grant, principal, refresh

    async def _issued(
        self,
        application: LivingApplication,
        opened: tuple[OAuthGrant, Principal, str] | None,
    ) -> Issued:
        if opened is None:
            raise Refused(
                "invalid_grant", "This was used already, is too old, or isn't for this application."
            )
        grant, principal, refresh = opened
        token = await self._sign(application, principal, grant.id)
        return Issued(token, principal.scopes or frozenset(), refresh)

    async def _sign(
        self, application: LivingApplication, principal: Principal, grant: UUID | None = None
    ) -> str:
        key = await self._signing_keys.signer(Algorithm(application.algorithm))
        claims = claims_of(principal, self.issuer, self._clock())
        return key.sign(claims | ({"grant": str(grant)} if grant else {}))


async def _end(tx: TenantTx, grant_id: UUID | None) -> None:
    if grant_id is not None:
        await OAuthGrant.revoke(tx, grant_id)
        await AuditEntry.add(
            tx, "system", "application.grant_ended", str(grant_id), {"reason": "shown twice"}
        )


def _fits(
    grant: OAuthGrant, application: LivingApplication, redirect_uri: str, verifier: str
) -> bool:
    """Whether a code is shown by whom, from where, and with what it was asked for."""
    return (
        grant.application_id == application.id
        and grant.redirect_uri == redirect_uri
        and _VERIFIER.fullmatch(verifier) is not None
        and hmac.compare_digest(_challenge_of(verifier), grant.challenge)
    )


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
