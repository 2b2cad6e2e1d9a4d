"""Every inbound kind becomes a canonical event; nothing makes the parser raise."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.services.channels._whatsapp_envelope import MAX_UPDATES
from app.services.channels._whatsapp_parse import parse
from app.services.channels.base import Address, DeliveryState, EventKind, InboundEvent

PAYLOADS = {
    path.stem: path.read_bytes()
    for path in sorted(Path(__file__).parents[1].joinpath("payloads", "whatsapp").glob("*.json"))
}
LAILA = (Address("bsuid", "SA.900300"), Address("phone", "966505550101"))
OURS = "0192f0c1-0000-7000-8000-000000000001"


def only(name: str) -> InboundEvent:
    (event,) = parse(PAYLOADS[name])
    return event


@pytest.mark.parametrize(
    ("name", "kind", "content_type", "text", "reply_to", "action"),
    [
        ("text", "message", "text", "متى تفتحون يوم الجمعة؟", None, None),
        ("text_reply", "message", "text", "And on Friday?", "wamid.OURS1=", None),
        ("text_forwarded", "message", "text", "Great coffee!", None, None),
        ("text_product", "message", "text", "Is this in stock?", "wamid.OURS2=", None),
        ("text_referral", "message", "text", "هل العرض ما زال متاحًا؟", None, None),
        ("image", "message", "image", "هل عندكم مثل هذا؟", None, None),
        ("video", "message", "video", "Look", None, None),
        ("audio_voice", "message", "audio", None, None, None),
        ("voice_old", "message", "audio", None, None, None),
        ("document", "message", "document", "Your offer?", None, None),
        ("sticker", "message", "sticker", None, None, None),
        ("location", "message", "location", None, None, None),
        ("contacts", "message", "contacts", None, None, None),
        ("order", "message", "order", "بدون سكر", None, None),
        ("button_reply", "action", "button", "احجز", "wamid.OURS1=", "book:1"),
        ("list_reply", "action", "list", "17:00", "wamid.OURS1=", "slot:17"),
        ("form_reply", "action", "form", "Sent", "wamid.OURS1=", None),
        ("template_button", "action", "button", "Stop", "wamid.OURS1=", "STOP"),
        ("template_button_alone", "action", "button", "تتبع", None, "TRACK"),
        ("reaction", "reaction", "reaction", None, "wamid.OURS1=", None),
        ("reaction_removed_empty", "reaction", "reaction", None, "wamid.OURS1=", None),
        ("reaction_removed_missing", "reaction", "reaction", None, "wamid.OURS1=", None),
        ("edit", "edit", "text", "متى تفتحون يوم السبت؟", "wamid.IN001=", None),
        ("revoke", "delete", "revoke", None, "wamid.IN001=", None),
        ("unsupported", "unsupported", "unsupported", None, None, None),
        ("unknown_type", "unsupported", "unsupported", None, None, None),
        ("changed_number", "identity_change", "user_changed_number", None, None, None),
        ("identity_changed", "account_event", "customer_identity_changed", None, None, None),
        ("echo", "echo", "text", "سأتابع معك من هنا", None, None),
        ("echo_revoke", "echo", "revoke", None, "wamid.PHONE1=", None),
        ("no_contacts", "message", "text", "Hello?", None, None),
    ],
)
def test_reads_every_kind(
    name: str,
    kind: str,
    content_type: str,
    text: str | None,
    reply_to: str | None,
    action: str | None,
) -> None:
    event = only(name)
    assert (event.kind, event.content_type, event.text) == (kind, content_type, text)
    assert (event.reply_to, event.action) == (reply_to, action)
    assert event.addresses == LAILA
    assert event.account == "900200"
    assert event.event_key == f"wa:900200:{event.platform_message_id}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text", {}),
        ("text_forwarded", {"forwarded": True}),
        (
            "text_product",
            {"referred_product": {"catalog_id": "880001", "product_retailer_id": "BEAN-250"}},
        ),
        ("audio_voice", {"voice": True}),
        ("sticker", {"animated": True}),
        (
            "location",
            {
                "latitude": 24.7136,
                "longitude": 46.6753,
                "name": "برج المملكة",
                "address": "طريق الملك فهد، الرياض",
                "url": "https://maps.example/1",
            },
        ),
        ("list_reply", {"description": "Today"}),
        ("form_reply", {"name": "flow", "response": {"flow_token": "t-1", "guests": 4}}),
        ("reaction", {"emoji": "👍", "removed": False}),
        ("reaction_removed_empty", {"emoji": None, "removed": True}),
        ("reaction_removed_missing", {"emoji": None, "removed": True}),
        ("unknown_type", {"type": "hologram"}),
        ("echo", {"echo_of": "message"}),
        ("echo_revoke", {"echo_of": "delete"}),
        ("account_update", {"field": "account_update", "event": "ACCOUNT_RESTRICTION"}),
    ],
)
def test_keeps_what_a_kind_says_beside_its_text(name: str, content: dict[str, Any]) -> None:
    assert only(name).content == content


def test_keeps_media_by_reference() -> None:
    (image,) = only("image").attachments
    assert (image.media_id, image.mime_type, image.sha256) == (
        "770001",
        "image/jpeg",
        "c2hhLW9uZQ==",
    )
    assert (image.url, image.caption) == ("https://lookaside.example/770001", "هل عندكم مثل هذا؟")
    (document,) = only("document").attachments
    assert document.filename == "offer.pdf"


def test_keeps_an_order_line_by_line() -> None:
    assert only("order").content == {
        "catalog_id": "880001",
        "items": [
            {"product": "BEAN-250", "quantity": 2, "price": 48.5, "currency": "SAR"},
            {"product": "CUP-1", "quantity": 1, "price": 30, "currency": "SAR"},
        ],
    }


def test_keeps_where_an_advertisement_led_from() -> None:
    referral = only("text_referral").content["referral"]
    assert referral["headline"] == "عرض الصيف"
    assert "video_url" not in referral


def test_knows_people_without_a_phone_and_without_an_id() -> None:
    assert only("no_phone").addresses == (
        Address("bsuid", "SA.900310"),
        Address("parent_bsuid", "SA.ENT.900310"),
    )
    assert only("no_phone").display_name == "Sami"
    assert only("no_user_id").addresses == (Address("phone", "966505550120"),)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("changed_number", ["SA.900300", "966505550101"], ["SA.900301", "966505550109"]),
        ("changed_number_old", ["966505550101"], ["966505550110"]),
        ("changed_user_id", ["SA.900300", "966505550101"], ["SA.900302"]),
        (
            "user_id_update",
            ["SA.900300", "SA.ENT.1"],
            ["SA.900301", "SA.ENT.2", "966505550109"],
        ),
    ],
)
def test_tells_old_and_new_addresses(name: str, old: list[str], new: list[str]) -> None:
    event = only(name)
    assert event.kind == EventKind.IDENTITY_CHANGE
    assert [a["value"] for a in event.content["old"]] == old
    assert [a["value"] for a in event.content["new"]] == new


@pytest.mark.parametrize(
    ("name", "state", "our_id"),
    [
        ("status_sent", DeliveryState.SENT, OURS),
        ("status_delivered", DeliveryState.DELIVERED, OURS),
        ("status_read", DeliveryState.READ, None),
        ("status_played", DeliveryState.READ, None),
    ],
)
def test_reads_statuses(name: str, state: DeliveryState, our_id: str | None) -> None:
    status = only(name).status
    assert status is not None
    assert (status.platform_message_id, status.state) == ("wamid.OURS1=", state)
    assert status.our_id == our_id


def test_a_failure_comes_without_contacts_and_tells_why() -> None:
    event = only("status_failed")
    assert event.status is not None
    assert (event.status.state, event.status.error_code) == (DeliveryState.FAILED, "131047")
    assert event.status.error == "Re-engagement message: More than 24 hours have passed."
    assert event.event_key == "wa:900200:wamid.OURS3=:failed:1790000061"


def test_the_same_status_at_another_time_is_another_event() -> None:
    later = PAYLOADS["status_read"].replace(b"1790000070", b"1790000071")
    assert only("status_read").event_key != parse(later)[0].event_key


def test_a_status_nobody_knows_is_kept_unparsed() -> None:
    assert only("status_unknown").kind == EventKind.UNPARSED
    assert only("status_unknown").raw["entry"][0]["changes"][0]["value"]["statuses"]


def test_a_message_the_platform_could_not_build_is_unsupported() -> None:
    message, trouble = parse(PAYLOADS["interactive_missing"])
    assert (message.kind, message.addresses) == (EventKind.UNSUPPORTED, LAILA)
    assert trouble.kind == EventKind.ACCOUNT_EVENT
    assert trouble.content["errors"][0]["details"] == "plain text"


def test_account_news_are_keyed_by_the_business_account() -> None:
    assert only("account_update").account == "900100"
    assert only("value_errors").account == "900200"


def test_a_batch_of_several_businesses_comes_apart() -> None:
    events = parse(PAYLOADS["batch_two_businesses"])
    assert [e.account for e in events] == ["900201"] * 6 + ["900202"] * 6
    assert sum(e.kind == EventKind.MESSAGE for e in events) == 8
    assert sum(e.kind == EventKind.STATUS for e in events) == 4
    assert len({e.event_key for e in events}) == 12
    assert len({e.addresses for e in events if e.kind == EventKind.MESSAGE}) == 8


def test_one_broken_message_costs_only_itself() -> None:
    kinds = [e.kind for e in parse(PAYLOADS["batch_with_broken"])]
    assert kinds == ["message", "unparsed", "unparsed", "message"]


def test_nobody_gets_the_name_of_another() -> None:
    payload = json.loads(PAYLOADS["text"])
    value = payload["entry"][0]["changes"][0]["value"]
    value["contacts"] = [{"profile": {"name": "Omar"}, "wa_id": "1", "user_id": "SA.1"}]
    (event,) = parse(json.dumps(payload).encode())
    assert (event.addresses, event.display_name) == (LAILA, None)


def with_text(body: str) -> bytes:
    return PAYLOADS["text"].replace("متى تفتحون يوم الجمعة؟".encode(), body.encode())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\\u0000b", "ab"),
        ("half \\ud83d", "half ?"),
        ("\\ud83d\\ude42", "🙂"),
        ("x" * 70_000, "x" * 65_536),
    ],
)
def test_text_is_made_storable(written: str, read: str) -> None:
    (event,) = parse(with_text(written))
    assert event.text == read
    orjson.dumps(event.raw)


def test_a_depth_bomb_is_kept_as_far_as_it_can_be_written() -> None:
    deep = "[" * 900 + "]" * 900
    body = PAYLOADS["text"].replace(b'"type": "text"', f'"type": "text", "x": {deep}'.encode())
    (event,) = parse(body)
    assert event.kind == EventKind.MESSAGE
    orjson.dumps(event.raw)
    assert parse(b"[" * 100_000)[0].kind == EventKind.UNPARSED


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"17", b"\xff\x00", b"<html>", b'{"entry": []}', b"[[]]"]
)
def test_what_is_no_webhook_is_kept_unparsed(body: bytes) -> None:
    (event,) = parse(body)
    assert event.kind == EventKind.UNPARSED
    orjson.dumps(event.raw)


def test_more_updates_than_the_platform_sends_are_kept_in_one_piece() -> None:
    payload = json.loads(PAYLOADS["text"])
    value = payload["entry"][0]["changes"][0]["value"]
    value["messages"] = [
        {**value["messages"][0], "id": f"wamid.{n}"} for n in range(MAX_UPDATES + 7)
    ]
    events = parse(json.dumps(payload).encode())
    assert len(events) == MAX_UPDATES + 1
    assert events[-1].kind == EventKind.UNPARSED
    assert len(events[-1].raw["beyond_limit"]) == 7


def test_a_thousand_copies_of_what_surrounds_them_stay_small() -> None:
    payload = json.loads(PAYLOADS["text"])
    value = payload["entry"][0]["changes"][0]["value"]
    value["metadata"]["junk"] = value["junk"] = "x" * 1_000_000
    value["contacts"][0]["junk"] = "x" * 1_000_000
    payload["entry"][0]["junk"] = "x" * 1_000_000
    (event,) = parse(json.dumps(payload).encode())
    assert event.kind == EventKind.MESSAGE
    assert len(orjson.dumps(event.raw)) < 2_000


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_event_can_be_read_again_from_what_was_kept(name: str) -> None:
    for event in parse(PAYLOADS[name]):
        assert parse(orjson.dumps(event.raw)) == (event,)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a document is."""
    yield here
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(item, (*here, key))


HUGE = "ه" * 100_000
DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]
WRONG = st.sampled_from(
    [None, True, 0, -1, 2**70, 1e308, "", " ", "\0", HUGE, [], {}, [[]], [None], {"a": 1}, DEEP]
) | st.text(max_size=20)


def mutated(payload: Any, path: tuple[Any, ...], value: Any, drop: bool) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(payload)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if drop:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", PAYLOADS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data())
def test_no_mutation_makes_the_parser_raise(name: str, data: st.DataObject) -> None:
    payload = json.loads(PAYLOADS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(payload))))
        payload = mutated(payload, path, data.draw(WRONG), data.draw(st.booleans()))
    body = json.dumps(payload).encode()
    with capture_logs() as logs:
        events = parse(body)
    assert events
    assert not [entry for entry in logs if entry["event"] == "update_misread"]
    for event in events:
        assert b"\\u0000" not in orjson.dumps(event)
        assert len(event.event_key) < 1_000


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise(body: bytes) -> None:
    assert parse(body)


@given(st.data())
def test_no_cut_makes_the_parser_raise(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(list(PAYLOADS.values())))
    assert parse(body[: data.draw(st.integers(0, len(body)))])
