"""A send that nobody knows the fate of is seen by people, with the business's own policy, and decided by them."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from simulators.meta import Behaviour
from tests.fixtures.nursery import ROOT
from tests.fixtures.product import Business
from tests.fixtures.shop import ASKED, LAYLA, Shop
from tests.fixtures.wired import plain


async def undecided(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = await shop.get("/v1/deliveries/undecided")
    return found


async def wafaa(shop: Shop, *words: str) -> Any:
    """What ``wafaa inbox`` says to a program."""
    settings = plain(shop.product.services.settings)
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "app.cli", "inbox", *words, "--client", "cafe", "--json",
        cwd=settings["WAFAA_HOME"], env=environment | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return json.loads(said)


@pytest.mark.parametrize("by", ["api", "command"])
async def test_an_uncertain_send_is_seen_and_sent_again_when_somebody_says_so(
    opened: Any, by: str
) -> None:
    shop = await opened(WAFAA_INDETERMINATE_SECONDS=600)
    assert await undecided(shop) == {"policy": "resend", "data": []}
    shop.meta.statuses = ()
    shop.meta.behave(Behaviour.DROP)
    await shop.gets(shop.meta.says("900200", LAYLA, ASKED["en"]))
    await shop.product.services.worker.drain()
    [stuck] = (await undecided(shop))["data"]
    assert stuck["delivery_state"] == "indeterminate"
    heard = len(shop.meta.history.sends())
    if by == "api":
        assert await shop.post(f"/v1/deliveries/{stuck['id']}/resend") == 202
    else:
        told = await wafaa(shop, "undelivered")
        assert (told["policy"], [one["id"] for one in told["data"]]) == ("resend", [stuck["id"]])
        assert (await wafaa(shop, "resend", stuck["id"]))["resent"]
    await shop.product.services.worker.drain()
    assert len(shop.meta.history.sends()) == heard + 1
    assert (await undecided(shop))["data"] == []
    assert await shop.post(f"/v1/deliveries/{stuck['id']}/resend") == 409
    assert "message.resent" in {entry["action"] for entry in await shop.get("/v1/audit")}


async def test_what_is_parked_by_policy_is_among_them_and_nobody_elses(shop: Shop) -> None:
    await shop.hears(ASKED["en"])
    await shop.value(
        "UPDATE messages SET delivery_state = 'parked' WHERE author = 'assistant' RETURNING 1"
    )
    [stuck] = (await undecided(shop))["data"]
    assert stuck["delivery_state"] == "parked"
    other: Business = await shop.product.business("bakery")
    api = shop.product.api
    async with api.get("/v1/deliveries/undecided", headers=other.staff) as answer:
        assert (await answer.json())["data"] == []
    async with api.post(f"/v1/deliveries/{stuck['id']}/resend", headers=other.staff) as answer:
        assert answer.status == 404
    assert await shop.post(f"/v1/deliveries/{stuck['id']}/resend") == 202
    await shop.product.drain()
    assert len(shop.replies()) == 2
