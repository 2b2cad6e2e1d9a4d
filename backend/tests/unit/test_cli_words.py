"""What the command line says and asks: pure pieces, as tables."""

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.cli.asking import lines as answer_lines
from app.cli.banner import LONGEST, banner
from app.cli.channels import lines as channel_lines
from app.cli.choosing import chosen
from app.cli.forms import Given, fill
from app.cli.health import unwell
from app.cli.logfiles import LogFiles
from app.cli.output import Progress, failure, paint, show, table, to_json
from app.cli.screen import Screen
from app.cli.tracing import lines as trace_lines
from app.cli.tracing import where
from app.core.config import Settings, generate_secrets, read_env
from app.core.errors import InvalidInput, NotFound
from app.models.client import ClientRef
from app.models.conversation import Conversation
from app.models.job import JobRef
from app.models.message import Message
from app.utils.media import media_type

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


# Output.


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)


@pytest.mark.usefixtures("terminal")
def test_colours_are_for_terminals_and_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("ok", "ok") == "\x1b[32mok\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("ok", "ok") == "ok"


def test_colours_stay_out_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert paint("ok", "ok") == "ok"


def test_a_result_is_one_compact_line_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"id": UUID(int=1), "at": NOW, "text": "مرحبا"}
    show(value, ["words"], as_json=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert '": ' not in out
    assert json.loads(out) == {
        "id": str(UUID(int=1)),
        "at": "2026-03-01T12:00:00Z",
        "text": "مرحبا",
    }


def test_columns_are_aligned_and_nothing_is_said_in_words() -> None:
    assert table([("a", None), ("long", "x\ny")], "none") == ["a     -", "long  x y"]
    assert table([], "Nothing yet.") == ["Nothing yet."]


def test_progress_is_drawn_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal in (False, True):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda seen=is_terminal: seen)
        monkeypatch.setattr(sys, "stderr", stream)
        progress = Progress()
        progress.at("Learning", 0.5)
        progress.clear()
        assert ("50%" in stream.getvalue()) is is_terminal


def test_a_problem_has_the_shape_that_the_api_gives_it() -> None:
    assert failure("not_found", "No such thing.") == {
        "type": "/docs/errors#not_found",
        "title": failure("not_found", "")["title"],
        "code": "not_found",
        "detail": "No such thing.",
    }


# The banner.


@pytest.mark.parametrize("missing", [[], ["worker (No answer within 2 s.)"]])
def test_the_banner_has_at_most_fifteen_lines_and_a_question_in_each_language(
    missing: list[str],
) -> None:
    clients = [
        {"name": "مقهى", "slug": "cafe", "email": "a@x", "password": "p1", "question": "كم السعر؟"},
        {"name": "Clinic", "slug": "clinic", "email": "b@x", "password": "p1", "question": "Open?"},
    ]
    settings = Settings(_env_file=None, WAFAA_PORT=8123)
    told = banner(settings, clients, 3.2, missing)
    text = "\n".join(told)
    assert len(told) <= LONGEST
    assert "http://127.0.0.1:8123" in text
    assert "كم السعر؟" in text
    assert "Open?" in text
    assert "p1" in text
    assert ("wafaa doctor" in text) is bool(missing)


def test_without_the_demo_the_banner_says_how_to_go_on() -> None:
    assert "client create" in "\n".join(banner(Settings(_env_file=None), [], 1.0, []))


def test_an_api_that_does_not_answer_is_not_well() -> None:
    assert unwell(Settings(_env_file=None, WAFAA_PORT=1))[0].startswith("api")


# Which client.


def client(slug: str) -> ClientRef:
    return ClientRef(uuid4(), slug.title(), slug, True)


@pytest.mark.parametrize(
    ("slugs", "asked", "expected"),
    [
        (["bakery"], None, "bakery"),
        (["bakery", "cafe", "clinic"], None, "cafe"),
        (["bakery", "florist"], "florist", "florist"),
    ],
)
def test_a_client_is_chosen(slugs: list[str], asked: str | None, expected: str) -> None:
    assert chosen([client(slug) for slug in slugs], asked).slug == expected


@pytest.mark.parametrize(
    ("slugs", "asked", "error", "words"),
    [
        (["bakery", "florist"], None, InvalidInput, "--client with one of: bakery, florist"),
        (["bakery"], "nope", NotFound, "There are: bakery"),
        ([], None, NotFound, "wafaa client create"),
    ],
)
def test_where_no_client_can_be_chosen_the_slugs_are_told(
    slugs: list[str], asked: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        chosen([client(slug) for slug in slugs], asked)


# Forms.

FORM = {
    "properties": {
        "phone": {"type": "string", "title": "Phone"},
        "token": {"type": "string", "format": "password"},
        "verify_token": {"type": "string", "format": "password"},
        "origins": {"type": "array"},
        "title": {"type": "object"},
    },
    "required": ["phone", "token", "verify_token"],
}


def test_a_form_is_filled_from_words_files_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("MY_WORD", "from the environment")
    given = Given.read(
        ["phone=1=2", "origins=https://a, https://b", 'title={"ar":"أ"}'],
        [f"token={tmp_path / 'token'}"],
        ["verify_token=MY_WORD"],
    )
    assert fill(FORM, given) == {
        "phone": "1=2",
        "origins": ["https://a", "https://b"],
        "title": {"ar": "أ"},
        "token": "from a file",
        "verify_token": "from the environment",
    }
    assert "from a file" not in repr(given)


def test_a_word_of_ones_choice_is_made_up_when_nobody_chose() -> None:
    filled = fill(FORM, Given({"phone": "1", "token": "t"}))
    assert len(filled["verify_token"]) >= 24


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"phone": "1"}, "Add --set-file token="),
        ({"token": "1"}, "Add --set phone="),
        ({"fone": "1"}, "There are: phone, token"),
    ],
)
def test_what_is_missing_or_unknown_is_told_where_nobody_can_be_asked(
    fields: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InvalidInput, match=words):
        fill(FORM, Given(fields))


@pytest.mark.parametrize(
    ("values", "files", "variables", "words"),
    [
        (["phone"], [], [], "field=value"),
        ([], ["token=/nowhere/at/all"], [], "can't be read"),
        ([], [], ["token=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
    ],
)
def test_a_word_that_cannot_be_read_is_told(
    values: list[str], files: list[str], variables: list[str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        Given.read(values, files, variables)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("whatsapp", ["Callback URL: https://x/webhook/whatsapp/a", "Verify token: secret word"]),
        ("web", ["Page: https://x/c/a", 'data-key="pk_1"']),
    ],
)
def test_a_connected_channel_says_what_to_enter_on_the_other_side(
    kind: str, expected: list[str]
) -> None:
    address = "https://x/c/a" if kind == "web" else f"https://x/webhook/{kind}/a"
    made = {"id": 1, "kind": kind, "external_id": "pk_1", "address": address}
    text = "\n".join(channel_lines({**made, "verify_token": "secret word"}))
    assert all(words in text for words in expected)


# Files, logs, secrets.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("menu.md", "text/markdown"),
        ("faq.CSV", "text/csv"),
        ("page.html", "text/html"),
        ("paper.pdf", "application/pdf"),
        ("notes.txt", "text/plain"),
        ("thing.unknown", "application/octet-stream"),
    ],
)
def test_media_types_are_the_same_on_every_system(name: str, expected: str) -> None:
    assert media_type(Path(name)) == expected


def test_a_log_that_grew_too_long_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.logfiles._LONGEST", 10)
    logs = LogFiles(tmp_path, aloud=False)
    for line in (b"the first line", b"the second line", b"the third line"):
        logs("api", line)
    logs.close()
    assert (tmp_path / "api.log").read_bytes() == b"the third line\n"
    assert (tmp_path / "api.log.1").read_bytes() == b"the second line\n"


def test_secrets_are_added_behind_a_last_line_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("WAFAA_PORT=8001")
    assert generate_secrets(file, {}, names=["WAFAA_DEMO_PASSWORD"], size=9)
    found = read_env(file)
    assert found["WAFAA_PORT"] == "8001"
    assert len(found["WAFAA_DEMO_PASSWORD"]) == 12
    assert file.stat().st_mode & 0o777 == 0o600
    assert generate_secrets(file, {}, names=["WAFAA_DEMO_PASSWORD"]) == []


# What comes back in a chat.


def said(text: str, **more: Any) -> dict[str, Any]:
    message = {"author": "assistant", "text": text, "agent_name": None, "citations": [], **more}
    return {"message": message, "turn_id": "t"}


def delta(text: str, offset: int) -> dict[str, Any]:
    return {"turn_id": "t", "text": text, "offset": offset}


def test_an_answer_that_was_begun_again_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    for event in (delta("One. ", 0), delta("One. ", 0), delta("Two.", 5)):
        assert not screen.show("turn.delta", event)
    assert screen.show("turn.completed", said("One. Two."))
    assert capsys.readouterr().out == "One. Two.\n"


def test_what_was_not_streamed_is_shown_whole_with_its_sources(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = {"number": 1, "title": "Hours", "quote": "We open\nat nine.", "url": None}
    Screen(as_json=False).show("turn.completed", said("At nine. [1]", citations=[source]))
    assert capsys.readouterr().out == "At nine. [1]\n  [1] Hours: We open at nine.\n"


def test_a_colleague_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    screen.show("handover.accepted", {"agent_name": "Sara"})
    screen.show("message.created", said("Hello", author="agent", agent_name="Sara"))
    assert capsys.readouterr().out.splitlines() == [
        "(Sara is here now; the assistant is silent.)",
        "Sara: Hello",
    ]


def test_a_program_gets_whole_messages_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=True)
    screen.aside("nobody reads this")
    screen.show("message.created", said("mine", author="contact"))
    screen.show("turn.delta", delta("One", 0))
    screen.show("turn.completed", said("One"))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["text"] == "One"


def test_an_answer_is_told_with_what_it_rests_on() -> None:
    source = {"number": 1, "title": "Menu", "quote": "17 SAR", "url": "https://x"}
    assert answer_lines({"answer": "17 SAR. [1]", "citations": [source]}) == [
        "17 SAR. [1]",
        "",
        "[1] Menu <https://x>: 17 SAR",
    ]
    assert answer_lines({"answer": "No.", "citations": []}) == ["No."]


# Where a message is.


def message(**more: Any) -> Message:
    known = {"id": uuid4(), "author": "contact", "answered_by": None, "is_stale": False}
    return Message(**{"delivery_state": None, "delivery_error": None, **known, **more})


def job(**more: Any) -> JobRef:
    known = {
        "kind": "answer_message",
        "payload": {},
        "state": "pending",
        "attempts": 0,
        "error": None,
    }
    return JobRef(id=UUID(int=7), lane_id=uuid4(), due_at=NOW, created_at=NOW, **{**known, **more})


THEIRS = Conversation(owner="agent")
OURS = Conversation(owner="assistant")


@pytest.mark.parametrize(
    ("what", "answer", "conversation", "jobs", "expected"),
    [
        (message(is_stale=True), None, OURS, [], "too late"),
        (message(), None, THEIRS, [], "A colleague has the conversation"),
        (message(), None, OURS, [job()], "answer_message is pending, not tried yet"),
        (message(), None, OURS, [job(state="parked", attempts=5, error="boom")], "jobs replay"),
        (message(), None, OURS, [], "no work is left"),
        (message(answered_by=uuid4()), message(author="assistant", delivery_state="read"), OURS, [], "reply is read"),
        (message(author="assistant", delivery_state="failed", delivery_error="131"), None, OURS, [], "failed (131)"),
        (message(author="agent", delivery_state="queued"), None, THEIRS, [job(kind="deliver_it")], "deliver_it is"),
    ],
)  # fmt: skip
def test_a_message_is_somewhere(
    what: Message, answer: Message | None, conversation: Conversation, jobs: list[JobRef], expected: str
) -> None:  # fmt: skip
    assert expected in where(what, answer, conversation, jobs)


def test_a_message_that_asked_for_no_reply_says_so() -> None:
    one = message()
    one.answered_by = one.id
    assert "no reply" in where(one, None, OURS, [])


def test_a_trace_is_told_in_lines() -> None:
    found = {
        "author": "contact", "conversation_id": 1, "client": "cafe", "text": "How much?", "answer": "17",
        "where": "It was answered.", "trace": {"model": "extractive", "passages": [{"title": "Menu", "score": 1.5}]},
    }  # fmt: skip
    text = "\n".join(trace_lines(found))
    assert "model: extractive" in text
    assert 'passage {"title":"Menu","score":1.5}' in text
    assert to_json([]) == "[]"
