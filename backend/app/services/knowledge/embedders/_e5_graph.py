"""The BERT encoder of multilingual-e5-small as an ONNX graph.

The word table stays 4-bit and is unfolded after the look-up: as floats it alone would be 384 MB.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.services.knowledge.embedders._e5_weights import BLOCK, Floats, Weights

OPSET = 20


class Graph:
    """Collects nodes and constants; every operation returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds one operation."""
        result = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [result], name=result, **attributes))
        return result

    def constant(self, value: NDArray[Any]) -> str:
        """Adds one constant."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """A constant list of integers, such as a shape."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant float."""
        return self.constant(np.array(value, np.float32))

    def model(self, inputs: Iterable[Any], result: str, output: Any) -> Any:
        """The finished, checked model; ``result`` becomes ``output``."""
        self._nodes.append(helper.make_node("Identity", [result], [output.name]))
        graph = helper.make_graph(self._nodes, "e5", list(inputs), [output], self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
        )
        onnx.checker.check_model(model)
        return model


def encoder(weights: Weights) -> Any:
    """``ids`` (texts x tokens, none padded) to ``vectors`` (texts x 384), L2-normalised."""
    graph = Graph()
    state = _embed(graph, weights)
    for layer in range(weights.shape.layers):
        state = _layer(graph, weights, f"l{layer}.", state)
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"])
    output = helper.make_tensor_value_info(
        "vectors", TensorProto.FLOAT, ["texts", weights.shape.hidden]
    )
    return graph.model([ids], _pooled(graph, state), output)


def _embed(graph: Graph, weights: Weights) -> str:
    """Word, position and type 0 embeddings, normalised."""
    hidden = weights.shape.hidden
    positions = weights.floats("emb.pos", -1, hidden) + weights.floats("emb.type", -1, hidden)[0]
    length = graph.op("Slice", graph.op("Shape", "ids"), graph.integers(1), graph.integers(2))
    placed = graph.op(
        "Slice", graph.constant(positions), graph.integers(0), length, graph.integers(0)
    )
    return _norm(graph, weights, "emb.ln", graph.op("Add", _words(graph, weights), placed))


def _words(graph: Graph, weights: Weights) -> str:
    """Looks the ids up in the 4-bit table and unfolds only what was found."""
    blocks = weights.shape.hidden // BLOCK
    scales, packed = weights.nibbles("emb.word", blocks)
    found = graph.op("Gather", graph.constant(packed), "ids", axis=0)
    found = graph.op("Reshape", found, graph.integers(0, 0, blocks, BLOCK // 2))
    low = graph.op("BitwiseAnd", found, graph.constant(np.array(15, np.uint8)))
    high = graph.op("BitShift", found, graph.constant(np.array(4, np.uint8)), direction="RIGHT")
    nibbles = graph.op("Cast", graph.op("Concat", low, high, axis=-1), to=TensorProto.FLOAT)
    scale = graph.op(
        "Cast", graph.op("Gather", graph.constant(scales), "ids", axis=0), to=TensorProto.FLOAT
    )
    scale = graph.op("Unsqueeze", scale, graph.integers(-1))
    values = graph.op("Mul", graph.op("Sub", nibbles, graph.number(8)), scale)
    return graph.op("Reshape", values, graph.integers(0, 0, weights.shape.hidden))


def _layer(graph: Graph, weights: Weights, at: str, state: str) -> str:
    """Attention and feed-forward, each with its residual and norm."""
    hidden, inner = weights.shape.hidden, weights.shape.inner
    attended = _linear(graph, weights, [f"{at}ao"], _attention(graph, weights, at, state), hidden)
    state = _norm(graph, weights, f"{at}aln", graph.op("Add", attended, state))
    wide = graph.op("Gelu", _linear(graph, weights, [f"{at}fi"], state, hidden), approximate="none")
    return _norm(
        graph,
        weights,
        f"{at}oln",
        graph.op("Add", _linear(graph, weights, [f"{at}fo"], wide, inner), state),
    )


def _attention(graph: Graph, weights: Weights, at: str, state: str) -> str:
    """Multi-head self-attention; queries, keys and values come from one fused product."""
    heads, hidden = weights.shape.heads, weights.shape.hidden
    width = hidden // heads
    fused = _linear(graph, weights, [f"{at}{part}" for part in "qkv"], state, hidden)
    split = graph.op("Reshape", fused, graph.integers(0, 0, 3, heads, width))
    parts = graph.op("Transpose", split, perm=[2, 0, 3, 1, 4])
    query, key, value = (
        graph.op("Gather", parts, graph.constant(np.array(i, np.int64)), axis=0) for i in range(3)
    )
    turned = graph.op("Transpose", key, perm=[0, 1, 3, 2])
    scores = graph.op("Mul", graph.op("MatMul", query, turned), graph.number(width**-0.5))
    shares = graph.op("Softmax", scores, axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
    return graph.op("Reshape", mixed, graph.integers(0, 0, hidden))


def _linear(graph: Graph, weights: Weights, names: list[str], state: str, width: int) -> str:
    """One product for all ``names``: their rows are outputs of ``width`` weights."""
    matrix: Floats = np.concatenate([weights.floats(f"{name}.w", -1, width) for name in names])
    bias: Floats = np.concatenate([weights.floats(f"{name}.b", -1) for name in names])
    return graph.op(
        "Add", graph.op("MatMul", state, graph.constant(matrix.T)), graph.constant(bias)
    )


def _norm(graph: Graph, weights: Weights, name: str, state: str) -> str:
    scale, shift = (graph.constant(weights.floats(f"{name}.{part}", -1)) for part in "wb")
    return graph.op(
        "LayerNormalization", state, scale, shift, axis=-1, epsilon=weights.shape.epsilon
    )


def _pooled(graph: Graph, state: str) -> str:
    """The mean over a text's tokens, of length one."""
    mean = graph.op("ReduceMean", state, graph.integers(1), keepdims=0)
    return graph.op("Div", mean, graph.op("ReduceL2", mean, graph.integers(-1), keepdims=1))
