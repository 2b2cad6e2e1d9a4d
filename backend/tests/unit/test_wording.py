"""What we say exists in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.api.catalogue import PROBLEMS
from app.cli.commands import app
from app.core import errors
from app.core.wording import SENTENCES, arabic, within

BACKEND = Path(__file__).parents[2]


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
    missing = {p: t for p, t in told.items() if arabic(t) is None}
    assert missing == {}
    assert arabic(given)
    assert len(told) > 100


def _template(node: ast.AST) -> str | None:
    """What a literal says, with ``{}`` for what is filled in."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
    return None


def _modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(p for folder in folders for p in (BACKEND / folder).rglob("*.py")):
        yield path.relative_to(BACKEND), ast.parse(path.read_text("utf-8"))


def _unsaid(text: str) -> bool:
    """Whether a template has words of its own, and no Arabic."""
    filled = text.replace("{}", "X1")
    return re.search("[a-z]{2}", text.replace("{}", "")) is not None and arabic(filled) is None


def _raised(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Messages of our errors: literals, and the module's constants."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    constants = {
        target.id: _template(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name(name), [first, *_]) if name in kinds:
                text = constants.get(first.id) if isinstance(first, ast.Name) else _template(first)
                if text is not None:
                    yield node.lineno, text


def test_what_is_wrong_is_told_in_arabic_wherever_it_is_raised() -> None:
    told = [(path, line, text) for path, tree in _modules("app") for line, text in _raised(tree)]
    assert [one for one in told if _unsaid(one[2])] == []
    assert len(told) > 200


def test_an_error_without_a_message_of_its_own_has_its_codes_arabic() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.WafaaError)}
    assert codes - PROBLEMS.keys() == set()
    assert len(codes) > 20


NO_SENTENCES = {
    "wafaa client create --help",
    'wafaa ask "{}"',
    "Bearer {}",
    '<script async src="{}/w.js" data-key="{}"></script>',
    "  passage {}",
}
"""What is typed, sent or shown as it is."""

PARTS = {
    "the terminal",
    "is owner",
    "not tried yet",
    "after {} tries",
    "{} {} is {}, {}{}.{}",
    " `wafaa jobs replay {}` tries again.",
}
"""Parts of sentences that are translated whole."""


def _said(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Literals of a module that read like words for people: no docstrings, no help (that is checked above)."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value) | ast.FormattedValue(value, _, _) if isinstance(
                value, ast.Constant
            ):
                silent.add(id(value))
            case ast.JoinedStr(parts):
                silent.update(map(id, parts))
            case ast.Call(ast.Attribute(attr="Option" | "Argument" | "Typer" | "compile")):
                silent.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        text = None if id(node) in silent else _template(node)
        if text and re.search(r"[a-z]{2,}[,.:]? [a-z{]|[A-Z][a-z]+ ", text):
            yield getattr(node, "lineno", 0), text


def test_what_commands_tell_is_there_in_arabic() -> None:
    told = [(path, line, text) for path, tree in _modules("app/cli") for line, text in _said(tree)]
    known = NO_SENTENCES | PARTS
    assert [one for one in told if one[2] not in known and _unsaid(one[2])] == []
    assert len(told) > 150


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("slug: Field required.", "slug: هذا الحقل مطلوب."),
        ("cafe.toml: staff.0.role: Field required.", "cafe.toml: staff.0.role: هذا الحقل مطلوب."),
        ("17 SAR: Field required.", None),
    ],
)
def test_a_label_stays_and_what_is_said_of_it_is_translated(
    sentence: str, said: str | None
) -> None:
    assert arabic(sentence) == said
