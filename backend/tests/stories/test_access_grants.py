"""Platform staff see no content, unless an owner lets them read: for a reason, for a while, and noted."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.security import Principal, Role
from app.models.staff import Staff
from tests.fixtures.product import Business, Product

REASON = "Looking why a menu isn't found."


@pytest.fixture
async def ours(product: Product) -> tuple[str, dict[str, str]]:
    """One of ours: their address and headers."""
    home = await product.business(f"operator-{uuid4().hex[:6]}")
    email = f"noor@{home.ref.slug}.example"
    async with product.services.db.tenant(home.ref.id) as tx:
        staff = await Staff.add(tx, email, "Noor", "platform", "")
    token = product.services.tokens.issue(Principal(str(staff), home.ref.id, Role.PLATFORM))
    return email, {"Authorization": f"Bearer {token}"}


async def call(product: Product, method: str, path: str, headers: Any, **body: Any) -> Any:
    async with product.api.request(method, path, headers=headers, json=body or None) as answer:
        read = await answer.json() if answer.status != 204 else None
        return answer.status, read


async def enter(product: Product, grant: str, headers: Any) -> tuple[int, dict[str, str]]:
    """Asks for a grant's token; gives its headers."""
    status, told = await call(product, "POST", f"/v1/access-grants/{grant}/token", headers)
    return status, {"Authorization": f"Bearer {told.get('access_token')}"}


async def acts(product: Product, cafe: Business) -> list[str]:
    """What the client's audit log says of grants, oldest first."""
    status, entries = await call(product, "GET", "/v1/audit", cafe.staff)
    assert status == 200
    found = [one["action"] for one in entries if one["action"].startswith("access_grant.")]
    return [act.removeprefix("access_grant.") for act in reversed(found)]


async def test_without_a_grant_there_is_no_content(
    product: Product, cafe: Business, ours: Any
) -> None:
    _, headers = ours
    for path in ("/v1/conversations", "/v1/documents", "/v1/clients/me", "/v1/audit", "/v1/staff"):
        assert (await call(product, "GET", path, headers))[0] == 403


async def test_who_asks_reads_once_an_owner_says_yes_and_everything_is_noted(
    product: Product, cafe: Business, ours: Any
) -> None:
    _, headers = ours
    wish = {"slug": cafe.ref.slug, "reason": REASON, "hours": 2}
    status, made = await call(product, "POST", "/v1/access-wishes", headers, **wish)
    assert status == 201
    assert (await enter(product, made["id"], headers))[0] == 403
    _, shown = await call(product, "GET", "/v1/access-grants", cafe.staff)
    assert [(g["staff_name"], g["state"], g["reason"]) for g in shown] == [
        ("Noor", "asked", REASON)
    ]
    path = f"/v1/access-grants/{made['id']}"
    assert (await call(product, "POST", f"{path}/approval", headers))[0] == 403
    assert (await call(product, "POST", f"{path}/approval", cafe.staff))[0] == 204
    _, mine = await call(product, "GET", "/v1/access-wishes", headers)
    assert [(g["client"], g["state"], g["reason"]) for g in mine] == [
        (cafe.ref.slug, "granted", REASON)
    ]
    status, reading = await enter(product, made["id"], headers)
    assert status == 201
    assert (await call(product, "GET", "/v1/conversations", reading))[0] == 200
    _, me = await call(product, "GET", "/v1/auth/me", reading)
    assert (me["client_id"], me["role"]) == (str(cafe.ref.id), "viewer")
    for method, where in (
        ("POST", f"/v1/conversations/{uuid4()}/takeover"),
        ("DELETE", f"/v1/documents/{uuid4()}"),
        ("POST", "/v1/keys"),
        ("POST", "/v1/auth/second-factor"),
        ("GET", "/v1/auth/sessions"),
        ("GET", "/v1/audit"),
    ):
        assert (await call(product, method, where, reading))[0] in (403, 422), where
    assert (await acts(product, cafe))[:4] == ["asked", "given", "entered", "used"]
    assert (await call(product, "DELETE", path, cafe.staff))[0] == 204
    assert (await call(product, "GET", "/v1/conversations", reading))[0] == 401
    assert (await enter(product, made["id"], headers))[0] == 403
    assert (await acts(product, cafe))[-1] == "ended"


async def test_an_owner_lets_one_of_ours_in_and_time_ends_it(
    product: Product, cafe: Business, ours: Any
) -> None:
    email, headers = ours
    given = {"email": email, "reason": REASON, "hours": 24}
    for wrong in ({"hours": 25}, {"hours": 0}, {"reason": ""}, {"email": "x"}):
        refused = await call(product, "POST", "/v1/access-grants", cafe.staff, **(given | wrong))
        assert refused[0] == 422
    unknown = given | {"email": cafe.email}
    assert (await call(product, "POST", "/v1/access-grants", cafe.staff, **unknown))[0] == 404
    _, made = await call(product, "POST", "/v1/access-grants", cafe.staff, **given)
    status, reading = await enter(product, made["id"], headers)
    assert status == 201
    assert (await call(product, "GET", "/v1/documents", reading))[0] == 200
    async with product.services.db.tenant(cafe.ref.id) as tx:
        life = await tx.value("SELECT ends_at - created_at FROM access_grants")
        await tx.run("UPDATE access_grants SET ends_at = now() - interval '1 second'")
    assert 23.9 < life.total_seconds() / 3600 < 24.1
    assert (await call(product, "GET", "/v1/documents", reading))[0] == 401


async def test_a_grant_is_for_one_person_at_one_client(
    product: Product, cafe: Business, ours: Any
) -> None:
    email, _ = ours
    other = await product.business(f"x{cafe.ref.slug}")
    given = {"email": email, "reason": REASON, "hours": 1}
    _, made = await call(product, "POST", "/v1/access-grants", cafe.staff, **given)
    colleague = Principal(str(uuid4()), other.ref.id, Role.PLATFORM)
    stolen = {"Authorization": f"Bearer {product.services.tokens.issue(colleague)}"}
    assert (await enter(product, made["id"], stolen))[0] == 403
    assert (await call(product, "DELETE", f"/v1/access-grants/{made['id']}", other.staff))[0] == 404
    forged = Principal(
        str(uuid4()), cafe.ref.id, Role.VIEWER, frozenset({"conversations:read"}), f"grant:{UUID(int=1)}"
    )  # fmt: skip
    token = {"Authorization": f"Bearer {product.services.tokens.issue(forged)}"}
    assert (await call(product, "GET", "/v1/conversations", token))[0] == 401
