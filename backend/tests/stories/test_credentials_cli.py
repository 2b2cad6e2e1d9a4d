"""Whoever runs an installation makes and ends credentials by commands."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.fixtures.product import Business, Product
from tests.fixtures.wired import plain, until

BACKEND = Path(__file__).parents[2]


async def wafaa(product: Product, *words: str) -> Any:
    """What a command tells a program."""
    return (await ran(product, *words))[1]


async def ran(product: Product, *words: str) -> tuple[int | None, Any]:
    """How a command ends, and what it tells a program."""
    settings = {name: str(value) for name, value in plain(product.services.settings).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", *words, "--json",
        cwd=BACKEND, env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, orjson.loads(told)


@pytest.fixture
async def cafe(product: Product) -> Business:
    return await product.business("cafe")


async def status(product: Product, shown: str) -> int:
    headers = {"Authorization": f"Bearer {shown}"}
    async with product.api.get("/v1/documents", headers=headers) as answer:
        return answer.status


async def test_keys_and_applications_are_made_listed_and_ended(
    product: Product, cafe: Business
) -> None:
    wish = ("--scope", "knowledge:read", "--client", "cafe")
    key = await wafaa(product, "key", "create", "Till", *wish, "--mode", "test", "--days", "30")
    assert key["key"].startswith("wf_test_")
    assert await status(product, key["key"]) == 200
    [listed] = await wafaa(product, "key", "list", "--client", "cafe")
    assert (listed["id"], "key" in listed) == (key["id"], False)
    made = await wafaa(product, "app", "create", "Ledger", *wish, "--algorithm", "RS256")
    form = {
        "grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["secret"]
    }  # fmt: skip
    async with product.api.post("/oauth/token", data=form) as answer:
        token = (await answer.json())["access_token"]
    assert await status(product, token) == 200
    await wafaa(product, "key", "revoke", key["id"], "--client", "cafe")
    await wafaa(product, "app", "revoke", made["id"], "--client", "cafe")
    [gone] = await wafaa(product, "app", "list", "--client", "cafe")
    assert gone["revoked_at"]

    async def both_dead() -> bool:
        return {await status(product, shown) for shown in (key["key"], token)} == {401}

    await until(both_dead, 30)
    refused = await wafaa(product, "key", "create", "Till", "--scope", "everything")
    assert (refused["code"], "knowledge:read" in refused["detail"]) == ("invalid_input", True)


async def test_a_leaked_signing_key_ends_with_all_that_it_signed(
    product: Product, cafe: Business
) -> None:
    made = await wafaa(
        product, "app", "create", "Ledger", "--scope", "knowledge:read", "--client", "cafe"
    )
    form = {
        "grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["secret"]
    }  # fmt: skip

    async def token() -> str:
        async with product.api.post("/oauth/token", data=form) as answer:
            return str((await answer.json())["access_token"])

    async def kids() -> set[str]:
        async with product.api.get("/.well-known/jwks.json") as answer:
            return {key["kid"] for key in (await answer.json())["keys"]}

    first, before = await token(), await kids()
    refused = await wafaa(product, "oauth", "rotate")
    assert refused["code"] == "conflict", "the first key was made a moment ago"
    keys = product.services.signing_keys
    rotated = await wafaa(product, "oauth", "rotate", "--now")
    await keys.refresh()  # What other processes do every half minute.
    assert await kids() == {rotated["kid"]} != before
    assert await status(product, first) == 401
    second = await token()
    assert await status(product, second) == 200
