"""Writes the model's files: ``python -m app.services.knowledge.embedders._e5_export FOLDER``."""

import json
import sys
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentencepiece import sentencepiece_model_pb2

from app.services.knowledge.embedders._e5_build import MODEL, REPLACEMENTS, TOKENIZER
from app.services.knowledge.embedders._e5_graph import encoder
from app.services.knowledge.embedders._e5_weights import Vocabulary, Weights, find

_UNKNOWN, _CONTROL = 2, 3
_SPECIAL = {
    "<s>": _CONTROL,
    "<pad>": _CONTROL,
    "</s>": _CONTROL,
    "<unk>": _UNKNOWN,
    "<mask>": _CONTROL,
}


def export(weights: Weights, folder: Path) -> None:
    """Writes tokenizer, replacements and the quantised graph."""
    (folder / TOKENIZER).write_bytes(tokenizer(weights.vocabulary))
    (folder / REPLACEMENTS).write_text(json.dumps(weights.vocabulary.replacements), "utf-8")
    exact, small = folder / "exact.onnx", folder / "small.onnx"
    onnx.save(encoder(weights), exact)
    quantize_dynamic(
        exact, small, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"]
    )
    _save_mappable(small, folder / MODEL)
    exact.unlink()
    small.unlink()


def _save_mappable(source: Path, target: Path) -> None:
    """Puts the weights into a file of their own, which the runtime maps instead of reading: 65 MB less a process."""
    onnx.save(
        onnx.load(source),
        target,
        save_as_external_data=True,
        location=f"{target.stem}.weights",
        size_threshold=1024,
    )


def tokenizer(vocabulary: Vocabulary) -> bytes:
    """A sentencepiece model of these pieces; what it is given is normalised already."""
    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # Made at import.
    for text, score in zip(vocabulary.pieces, vocabulary.scores, strict=True):
        model.pieces.add(piece=text, score=score, type=_SPECIAL.get(text, 1))
    trainer, normaliser = model.trainer_spec, model.normalizer_spec
    trainer.model_type, trainer.vocab_size = 1, len(vocabulary.pieces)
    trainer.bos_id, trainer.eos_id, trainer.pad_id, trainer.unk_id = 0, 2, 1, 3
    trainer.pad_piece = "<pad>"
    normaliser.name = "identity"
    normaliser.add_dummy_prefix = normaliser.remove_extra_whitespaces = False
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    export(Weights(find().read_bytes()), Path(sys.argv[1]))
