"""An owner connects a channel through the API."""

from tests.fixtures.product import Product

FIELDS = {
    "phone_number_id": "900200",
    "access_token": "a-token",
    "verify_token": "a-word",
    "app_secret": "a-secret",
}


async def test_an_owner_connects_a_number_once_and_its_secrets_never_leave(
    product: Product,
) -> None:
    cafe, bakery = await product.business("cafe"), await product.business("bakery")
    given = {"name": "WhatsApp", "config": FIELDS}
    async with product.api.post("/v1/channels/whatsapp", json=given, headers=cafe.staff) as answer:
        assert answer.status == 201
        assert (await answer.json())["external_id"] == "900200"
    async with product.api.get("/v1/channels", headers=cafe.staff) as answer:
        shown = await answer.text()
    assert not [secret for secret in ("a-token", "a-word", "a-secret") if secret in shown]
    async with product.api.post(
        "/v1/channels/whatsapp", json=given, headers=bakery.staff
    ) as answer:
        assert answer.status == 409


async def test_an_owner_cant_send_us_to_another_machines_door(product: Product) -> None:
    cafe = await product.business("cafe")
    given = {"name": "WhatsApp", "config": {**FIELDS, "graph_url": "http://127.0.0.1:6379"}}
    async with product.api.post("/v1/channels/whatsapp", json=given, headers=cafe.staff) as answer:
        assert answer.status == 422
        assert (await answer.json())["errors"][0]["pointer"] == "/config/graph_url"
