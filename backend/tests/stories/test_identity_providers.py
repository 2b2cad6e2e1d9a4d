"""Staff sign in at the providers that businesses have, each with its own ways; and who is a stranger at each.

What the profiles of the simulator hold to:

* Entra ID: the directory is in the issuer's name, all of them sign with the same keys, and a token repeats its own
  in ``tid``; nothing is said of whether ``email`` is verified; ``groups`` gives way to a link beyond 200. The
  description of ``common`` names no real issuer, so it can't be set up.
  (learn.microsoft.com/entra/identity-platform: id-token-claims-reference, optional-claims-reference)
* Google: ``https://accounts.google.com``, once without the scheme; ``email_verified``; ``hd`` for accounts of a
  Workspace, to be checked.
  (developers.google.com/identity/openid-connect: reference, openid-connect#validatinganidtoken)
* Auth0: an issuer that ends with a slash; claims of one's own under a name that is a URL.
  (auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims)
* Keycloak: ``realm_access.roles`` (the real one is in ``test_keycloak.py``).
"""

from dataclasses import replace
from typing import Any

import pytest

from app.core.errors import Unauthenticated
from app.services.identity.issuers import Metadata
from app.services.identity.oidc import GOOGLE as GOOGLES_NAME
from app.services.identity.oidc import Application
from simulators._oidc_profiles import (
    AUTH0,
    ENTRA,
    GOOGLE,
    KEYCLOAK,
    NAMESPACE,
    TENANT,
    Person,
    Profile,
)
from simulators.oidc import Behaviour, OidcSimulator
from tests.fixtures.product import Business, Product
from tests.fixtures.signin import Browser, NewBrowser, Seen

SILENT = Person(roles=("wafaa-agent",), verified=None)
ROLES = {"wafaa-owner": "owner", "wafaa-agent": "agent", "a-group": "agent"}
AGENT = Person(roles=("wafaa-agent",))
OTHER_TENANT = TENANT.replace("6c1b", "ffff")


@pytest.fixture
async def product(near_providers: Product) -> Product:
    """An installation whose operator lets identity providers be on loopback."""
    return near_providers


async def configure(product: Product, cafe: Business, issuer: OidcSimulator, **more: Any) -> int:
    """Sets the provider up as its guide tells; gives the status."""
    given = {
        "issuer": issuer.issuer, "application": issuer.application, "secret": issuer.secret,
        "domains": ["cafe.example"], "roles": ROLES, **more,
    }  # fmt: skip
    async with product.api.put("/v1/identity-provider", json=given, headers=cafe.staff) as answer:
        return answer.status


async def sign_in(browser: Browser, cafe: Business) -> Seen:
    """Goes to the provider and comes back."""
    page = await browser.send("/signin/sso", business=cafe.ref.slug)
    return await browser.see(page.found(r'class="button" href="([^"]+)"'))


def claiming(**changed: Any) -> Behaviour:
    """Says otherwise; None leaves a claim out."""
    return Behaviour(
        claims=lambda told: {n: v for n, v in (told | changed).items() if v is not None}
    )


Case = tuple[Profile, dict[str, Any], Person, list[tuple[Person, Behaviour]]]
TRUTH = Behaviour()
PROVIDERS: dict[str, Case] = {
    "Entra ID by app roles": (
        ENTRA, {"role_claim": "roles", "trusts_email": True}, SILENT,
        [
            (SILENT, claiming(tid=OTHER_TENANT)),
            (SILENT, Behaviour(claims=lambda c: c | {"iss": c["iss"].replace(TENANT, OTHER_TENANT)})),
            (replace(SILENT, verified=False), claiming(email_verified=False)),
            (replace(SILENT, email="sara@elsewhere.example"), TRUTH),
            (SILENT, claiming(email=None)),
            (replace(SILENT, roles=()), TRUTH),
        ],
    ),
    "Entra ID by groups": (
        ENTRA, {"role_claim": "groups", "trusts_email": True}, replace(SILENT, groups=("a-group", "others")),
        [(replace(SILENT, groups=("a-group", *map(str, range(200)))), TRUTH)],
    ),
    "Entra ID whose addresses nobody vouches for": (
        ENTRA, {"role_claim": "roles"}, replace(SILENT, verified=True), [(SILENT, claiming(email_verified=None))],
    ),
    "Google": (
        GOOGLE, {"default_role": "agent"}, AGENT,
        [
            (replace(AGENT, domain="elsewhere.example"), TRUTH),
            (replace(AGENT, verified=False), TRUTH),
            (replace(AGENT, email="sara@gmail.com"), TRUTH),
        ],
    ),
    "Auth0": (
        AUTH0, {"role_claim": NAMESPACE}, AGENT,
        [(replace(AGENT, verified=False), TRUTH), (AGENT, claiming(**{NAMESPACE: ["others"]})),
         (AGENT, claiming(**{NAMESPACE: None, "roles": ["wafaa-owner"]}))],
    ),
    "Keycloak": (
        KEYCLOAK, {"role_claim": "realm_access.roles"}, AGENT,
        [(replace(AGENT, verified=False), TRUTH), (replace(AGENT, roles=()), TRUTH),
         (AGENT, claiming(realm_access=None, roles=["wafaa-owner"]))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_colleague_comes_in_with_their_role_and_a_stranger_does_not(
    product: Product, cafe: Business, new_browser: NewBrowser, name: str
) -> None:
    profile, configured, colleague, strangers = PROVIDERS[name]
    async with OidcSimulator(profile) as issuer:
        assert await configure(product, cafe, issuer, **configured) == 200
        vouched = claiming(email_verified=True) if "vouches" in name else TRUTH
        for number, (person, behaviour) in enumerate(strangers):
            issuer.person = replace(person, subject=f"stranger-{number}")
            issuer.behaviour = behaviour
            page = await sign_in(await new_browser(), cafe)
            assert page.status in (401, 403), (number, page.text)
        async with product.services.db.tenant(cafe.ref.id) as tx:
            assert await tx.value("SELECT count(*) FROM staff_identities") == 0
        issuer.person, issuer.behaviour = colleague, vouched
        for _ in range(2):
            page = await sign_in(await new_browser(), cafe)
            assert (page.status, page.path) == (200, "/account"), page.text
            assert "Signed in as Sara. Agent." in page.text
        async with product.services.db.tenant(cafe.ref.id) as tx:
            assert await tx.value("SELECT count(*) FROM staff") == 2


async def test_an_owner_with_too_many_groups_is_told_so_and_stays_an_owner(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    async with OidcSimulator(ENTRA) as issuer:
        configured = {"role_claim": "groups", "trusts_email": True, "default_role": "viewer"}
        await configure(product, cafe, issuer, **configured, roles={"owners": "owner"})
        issuer.person = replace(SILENT, groups=("owners",))
        assert "Owner." in (await sign_in(await new_browser(), cafe)).text
        issuer.person = replace(SILENT, groups=("owners", *map(str, range(200))))
        page = await sign_in(await new_browser("ar"), cafe)
        assert (page.status, "مجموعات أكثر" in page.text) == (403, True)
        async with product.services.db.tenant(cafe.ref.id) as tx:
            assert await tx.value("SELECT count(*) FROM staff WHERE role = 'owner'") == 2


@pytest.mark.parametrize("pseudo", ["common", "organizations", "consumers"])
async def test_a_provider_that_names_everybodys_directory_is_not_set_up(
    product: Product, cafe: Business, pseudo: str
) -> None:
    """Entra ID describes these by a pattern, ``…/{tenantid}/v2.0``, that no token ever names."""
    async with OidcSimulator(replace(ENTRA, path=f"/{pseudo}/v2.0")) as issuer:
        issuer.behaviour = Behaviour(metadata={"issuer": f"{issuer.url}/{{tenantid}}/v2.0"})
        assert await configure(product, cafe, issuer) == 422


async def test_two_businesses_have_a_directory_each_under_the_same_keys(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    """What one's directory signed opens nothing at the other's."""
    async with OidcSimulator(ENTRA) as issuer:
        metadata = await _metadata(product, issuer)
        theirs = replace(metadata, issuer=metadata.issuer.replace(TENANT, OTHER_TENANT))
        token = issuer.sign(issuer._claims("nonce"))
        oidc = product.services.single_sign_on.oidc
        application = Application(issuer.issuer, issuer.application, issuer.secret)
        assert (await oidc.verify(metadata, application, token, "nonce"))["tid"] == TENANT
        with pytest.raises(Unauthenticated):
            await oidc.verify(theirs, application, token, "nonce")


@pytest.mark.parametrize(
    ("issuer_name", "token_name", "passes"),
    [
        (GOOGLES_NAME, "https://accounts.google.com", True),
        (GOOGLES_NAME, "accounts.google.com", True),
        (GOOGLES_NAME, "https://accounts.google.com/", False),
        (GOOGLES_NAME, "http://accounts.google.com", False),
        (GOOGLES_NAME, "accounts.google.com.evil.example", False),
        ("https://login.cafe.example", "login.cafe.example", False),
        ("https://login.cafe.example", "accounts.google.com", False),
    ],
)
async def test_google_alone_may_name_itself_in_its_old_way(
    product: Product, issuer_name: str, token_name: str, passes: bool
) -> None:
    async with OidcSimulator(GOOGLE) as issuer:
        metadata = replace(await _metadata(product, issuer), issuer=issuer_name)
        token = issuer.sign(issuer._claims("nonce") | {"iss": token_name})
        application = Application(issuer_name, issuer.application, issuer.secret)
        verify = product.services.single_sign_on.oidc.verify(metadata, application, token, "nonce")
        if passes:
            assert (await verify)["hd"] == "cafe.example"
        else:
            with pytest.raises(Unauthenticated):
                await verify


async def _metadata(product: Product, issuer: OidcSimulator) -> Metadata:
    return await product.services.single_sign_on.oidc.issuers.metadata(issuer.issuer)
