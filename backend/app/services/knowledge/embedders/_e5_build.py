"""Builds the local embedding model once: an int8 ONNX graph and a sentencepiece model, from the verified weights.

Run as a program it builds and ends, so that the memory this takes (several times the model) is given back and the
process that embeds stays small.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.errors import Misconfigured

MODEL = "e5.onnx"
TOKENIZER = "tokenizer.model"
REPLACEMENTS = "replacements.json"

_WEIGHTS = "1571fc9827503943"
_RECIPE = ("_e5_weights.py", "_e5_graph.py", "_e5_export.py")

_SECONDS = 300


def ensure_built(home: Path) -> Path:
    """The folder with the model; builds it first where it is missing.

    Two processes that start at once build it once: the second waits for the first.

    Raises:
        Misconfigured: The weights are missing or not the tested ones.
    """
    folder = home / "models" / _key()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not folder.exists():
                _build_in_a_child(folder)
    return folder


def _key() -> str:
    """The hash of the weights, and of the recipe: what another recipe made is another folder."""
    recipe = b"".join(Path(__file__).with_name(name).read_bytes() for name in _RECIPE)
    return f"{_WEIGHTS}-{hashlib.sha256(recipe).hexdigest()[:8]}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Freed when the file closes, also by SIGKILL.
        yield


def _build_in_a_child(folder: Path) -> None:
    """Builds beside ``folder``, then renames: there is never half a model."""
    for left_over in folder.parent.glob(f"{folder.name}.tmp*"):
        shutil.rmtree(left_over)
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.tmp", dir=folder.parent))
    command = [sys.executable, "-m", f"{__package__}._e5_export", str(work)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(  # noqa: S603 - our own module.
        command, capture_output=True, text=True, timeout=_SECONDS, env=paths, check=False
    )
    if done.returncode:
        shutil.rmtree(work)
        raise Misconfigured(f"The embedding model could not be built: {done.stderr.strip()[-500:]}")
    work.rename(folder)
