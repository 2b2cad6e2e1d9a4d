"""What contacts press, fill in and send along on WhatsApp: kept as what it is, with a sensible reply."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.services.orchestrator.phrases import PHRASES
from tests.fixtures.shop import ASKED, Shop

PAYLOADS = Path(__file__).parents[1] / "payloads" / "whatsapp"


def recorded(name: str) -> dict[str, Any]:
    """A message as the platform posts it."""
    posted = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    said: dict[str, Any] = posted["entry"][0]["changes"][0]["value"]["messages"][0]
    return said


async def gets(shop: Shop, said: dict[str, Any]) -> list[str]:
    """Layla greets, and sends that anew; gives what she reads after the first greeting."""
    await shop.hears("Hello")
    more = {"errors": said["errors"]} if "errors" in said else {}
    await shop.sent(said["type"], said[said["type"]], **more)
    return shop.replies()[1:]


@pytest.mark.parametrize(
    ("name", "kind", "phrase"),
    [
        ("contacts", "contacts", "media"),
        ("unsupported", "unsupported", "media"),
        ("form_reply", "form", "form"),
        ("template_button", "button", "opted_out"),
    ],
)
async def test_what_asks_nothing_gets_the_phrase_for_it(
    shop: Shop, name: str, kind: str, phrase: str
) -> None:
    assert await gets(shop, recorded(name)) == [PHRASES[phrase]["en"]]
    assert (await shop.messages())[2]["kind"] == kind


async def test_a_form_is_for_people_whatever_the_platform_writes_under_it(shop: Shop) -> None:
    await gets(shop, recorded("form_reply"))
    assert (await shop.conversation())["handover_reason"] == "form"


async def test_a_templates_stop_is_a_wish_that_binds(shop: Shop) -> None:
    await gets(shop, recorded("template_button"))
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 2


@pytest.mark.parametrize(("name", "kind"), [("button_reply", "button"), ("list_reply", "list")])
async def test_what_is_chosen_is_answered_as_if_it_were_written(
    shop: Shop, name: str, kind: str
) -> None:
    said = recorded(name)
    said["interactive"][name]["title"] = ASKED["en"]
    [reply] = await gets(shop, said)
    assert "18" in reply
    assert [(m["kind"], m["text"]) for m in await shop.messages()][2] == (kind, ASKED["en"])


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("button_reply", "ليست لدي هذه المعلومة"), ("list_reply", "I don't have that info")],
)
async def test_a_choice_that_nothing_was_taught_about_is_answered_honestly(
    shop: Shop, name: str, refusal: str
) -> None:
    """In the language of its words; "17:00" has none, and the conversation was English."""
    [reply] = await gets(shop, recorded(name))
    assert refusal in reply
