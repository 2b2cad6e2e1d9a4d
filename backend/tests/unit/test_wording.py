"""What we say exists in both languages."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from app.cli.commands import app
from app.core.wording import SENTENCES, arabic, within


def test_a_translation_fills_in_as_much_as_its_template() -> None:
    uneven = [t for t, said in SENTENCES.items() if t.count("{}") != said.count("{}")]
    assert uneven == []
    assert [t for t, said in SENTENCES.items() if not re.search("[\u0600-\u06ff]", said)] == []


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("This file is empty.", "هذا الملف فارغ."),
        ("This file is larger than 20 MB. Split it.", "هذا الملف أكبر من 20 ميغابايت. قسّمه."),
        ("The slug {0} is taken. Choose another one.", "المعرّف {0} مستخدم. اختر غيره."),
        (
            "Files of this kind can't be read. Send text, Markdown, HTML, PDF, DOCX or CSV.",
            "لا يُقرأ هذا النوع من الملفات. أرسل نصًا أو Markdown أو HTML أو PDF أو DOCX أو CSV.",
        ),
    ],
)
def test_a_sentence_is_found_by_its_template(sentence: str, said: str) -> None:
    assert arabic(sentence) == said
    assert within(sentence, "en") == sentence


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert arabic("17 SAR") is None
    assert within("17 SAR", "ar") == "17 SAR"


def _helps(command: Any, path: str = "wafaa") -> Iterator[tuple[str, str]]:
    """What help says of a command and everything below it."""
    yield path, command.help or ""
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter.help or ""
    for name, inner in getattr(command, "commands", {}).items():
        yield from _helps(inner, f"{path} {name}")


def test_the_terminals_help_is_there_in_arabic() -> None:
    told = {place: text for place, text in _helps(get_command(app)) if text}
    given = "Show this message and exit."
    missing = {p: t for p, t in told.items() if t != given and arabic(t) is None}
    assert missing == {}
    assert len(told) > 100
