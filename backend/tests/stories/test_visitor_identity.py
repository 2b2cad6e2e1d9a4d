"""A shop's server says who a visitor is: their conversation follows them from device to device."""

import time
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.models.channel_config import ChannelConfig
from app.services.orchestrator import accounts
from tests.fixtures.product import Business, Product

SECRET = "a secret of the shop, longer than thirty-two bytes".replace(" ", "-")


@pytest.fixture
async def cafe(product: Product) -> Business:
    """A café whose chat believes its server."""
    business = await product.business("cafe")
    fields = {"identity_keys": f"k1={SECRET}", "identity_attributes": ["plan"]}
    async with product.services.db.tenant(business.ref.id) as tx:
        [web] = await ChannelConfig.of_kind(tx, "web")
        await accounts.reconnect(tx, product.services.channels, web, web.name, fields, actor="test")
    return business


def word(subject: str, **more: Any) -> str:
    """What the shop's server signs."""
    now = int(time.time())
    claims = {"aud": "wafaa-web", "sub": subject, "iat": now, "exp": now + 600} | more
    return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(SECRET))


class Device:
    """One browser with the chat open."""

    def __init__(self, product: Product, business: Business) -> None:
        self._api, self._key = product.api, business.channel_key
        self.visitor: str | None = None
        self.session: dict[str, Any] = {}

    async def opens(self, identity: str | None = None, status: int = 200) -> str:
        body = {"channel_key": self._key, "visitor_token": self.visitor, "identity_token": identity}
        async with self._api.post("/web/v1/sessions", json=body) as answer:
            assert answer.status == status, await answer.text()
            self.session = await answer.json()
        if status != 200:
            return ""
        self.visitor = self.session["visitor_token"]
        return str(self.session["conversation_id"])

    async def says(self, text: str) -> str:
        message_id = str(UUID(int=abs(hash((text, id(self)))) % 2**128))
        async with self._api.post(
            f"/web/v1/conversations/{self.session['conversation_id']}/messages",
            json={"client_message_id": message_id, "text": text},
            headers={"Authorization": f"Bearer {self.session['session_token']}"},
        ) as answer:
            assert answer.status == 202, await answer.text()
            return str((await answer.json())["conversation_id"])

    async def reads(self) -> list[str]:
        async with self._api.get(
            f"/web/v1/conversations/{self.session['conversation_id']}/messages",
            headers={"Authorization": f"Bearer {self.session['session_token']}"},
        ) as answer:
            return [m["text"] for m in (await answer.json())["data"] if m["author"] == "contact"]


async def test_the_same_person_is_the_same_contact_on_every_device(product, cafe) -> None:
    phone, laptop = Device(product, cafe), Device(product, cafe)
    assert await phone.opens(word("user-42", name="Layla")) == await laptop.opens(word("user-42"))
    await phone.says("From the phone")
    assert await laptop.says("From the laptop") == laptop.session["conversation_id"]
    assert await phone.reads() == ["From the phone", "From the laptop"]
    assert await Device(product, cafe).opens(word("user-43")) != phone.session["conversation_id"]
    async with product.services.db.tenant(cafe.ref.id) as tx:
        assert (
            await tx.value("SELECT count(*) FROM contacts WHERE client_id = $1", cafe.ref.id) == 2
        )


async def test_what_was_begun_as_a_stranger_comes_along_once(product, cafe) -> None:
    device = Device(product, cafe)
    begun = await device.opens()
    await device.says("Before signing in")
    stranger = device.visitor
    assert await device.opens(word("user-42", attributes={"plan": "gold", "x": 1})) == begun
    assert await device.reads() == ["Before signing in"]
    assert device.visitor != stranger, "who comes next here is somebody else"
    left = Device(product, cafe)
    left.visitor = stranger
    assert await left.opens() != begun, "the stranger has nothing left"
    async with product.api.get(
        f"/v1/conversations/{begun}/events?wait=false", headers=cafe.staff
    ) as told:
        events = await told.text()
    assert "contact.identified" in events
    assert '"plan":"gold"' in events
    assert '"x"' not in events


async def test_signing_out_leaves_nothing_for_whoever_comes_next(product, cafe) -> None:
    device = Device(product, cafe)
    mine = await device.opens(word("user-42"))
    await device.says("Mine")
    assert await device.opens() != mine
    assert await device.reads() == []
    assert await device.opens(word("user-43")) != mine


async def test_who_has_an_open_conversation_keeps_it(product, cafe) -> None:
    first, second = Device(product, cafe), Device(product, cafe)
    known = await first.opens(word("user-42"))
    await first.says("Known")
    other = await second.opens()
    await second.says("A stranger's")
    assert await second.opens(word("user-42")) == known != other
    assert await second.reads() == ["Known"]


async def test_nobody_else_is_believed(product, cafe) -> None:
    now = int(time.time())
    other = await product.business("clinic")
    stale = word("user-42", iat=now - 4000, exp=now - 3000)
    forged = jwt.encode(
        {"alg": "HS256", "kid": "k1"},
        {"aud": "wafaa-web", "sub": "user-42", "iat": now, "exp": now + 600},
        OctKey.import_key("x" * 40),
    )
    for token in ("", "x.y.z", stale, forged, word("user-42", tenant="clinic"), word("")):
        await Device(product, cafe).opens(token, 401)
    await Device(product, other).opens(word("user-42"), 401)  # It has no key: it believes nobody.
    assert await Device(product, cafe).opens(word("user-42", tenant="cafe"))
