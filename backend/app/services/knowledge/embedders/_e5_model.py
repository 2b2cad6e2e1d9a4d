"""multilingual-e5-small at work: text to tokens to vectors. The only module of a running product that loads numpy."""

import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
import sentencepiece
from numpy.typing import NDArray

from app.services.knowledge.base import Purpose
from app.services.knowledge.embedders._e5_build import MODEL, REPLACEMENTS, TOKENIZER

DIMENSIONS = 384
_BOS, _EOS = 0, 2
_TOKENS = 510
"""What the model has positions for, less begin and end. Bounds memory, and how long a question waits for a passage."""

_CHARACTERS = _TOKENS * 16
"""No piece is longer than 16 characters, so what stands behind this is never read."""

_SPACES = re.compile(r"\s+")


class E5:
    """The loaded model. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        """Loads what ``ensure_built`` wrote."""
        self._replacements = {
            int(k): v for k, v in json.loads((folder / REPLACEMENTS).read_text("utf-8")).items()
        }
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / TOKENIZER))
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL), _one_quiet_thread(), providers=["CPUExecutionProvider"]
        )

    def vector(self, text: str, purpose: Purpose) -> bytes:
        """One text's vector, as little-endian float32.

        Texts run one by one: on one thread a batch is no faster, and the runtime scales a batch's numbers together,
        so that a text's vector would depend on its company.
        """
        ids = np.array([self.tokens(text, purpose)], np.int64)
        found: NDArray[np.float32] = self._session.run(["vectors"], {"ids": ids})[0]
        content: bytes = found[0].astype("<f4").tobytes()
        return content

    def tokens(self, text: str, purpose: Purpose) -> list[int]:
        """A text's ids with its prefix, begin and end; never more than the model has positions for."""
        prepared = f" {purpose}: {self._clean(text)}".rstrip()
        ids: list[int] = self._pieces.encode(prepared, out_type=int)
        return [_BOS, *ids[:_TOKENS], _EOS]

    def _clean(self, text: str) -> str:
        """Any text as the tokenizer expects it. Lone surrogates and NUL come from the outside too."""
        whole = text[:_CHARACTERS].encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
        folded = unicodedata.normalize("NFKC", whole)[:_CHARACTERS].translate(self._replacements)
        return _SPACES.sub(" ", folded).strip()


def _one_quiet_thread() -> onnxruntime.SessionOptions:
    """One thread that sleeps when idle, and no arena that keeps the largest batch's memory."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options
