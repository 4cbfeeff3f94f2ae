"""Rebuild multilingual-e5-small as ONNX: its matrices in 4 bits as published, its vocabulary cut and coded in 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..library.types import Vectors
from .e5 import BLOCK, E5, HEADS, LAYERS, WIDTH, Quantised

OPSET = 17
"""The newest that the oldest supported ONNX Runtime (1.18) and the tracing exporter agree on."""

POOLED_LAYERS = (0, 4, 8, 12)
"""The layers whose tokens are averaged, 0 being the embeddings: the last one was taught to compare whole texts, the
earlier ones know more of the words."""

FEATURE_DIM = WIDTH * len(POOLED_LAYERS)

POSITIONS = 128
"""Longer texts are split."""

CODED_TOGETHER = 4
"""So many numbers of a word's embedding share a byte: 2 bits each. Features then have a cosine of 0.997 to those of
the published embeddings on Chinese captions. A cut vocabulary of the same size in 4 bits has half the pieces."""

_CENTRES = 256
_CODEBOOK_STEPS = 12
_EPSILON = 1e-12
_MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class CodedWords:
    """Embeddings as product codes (Jégou et al. 2011): `lengths` times the centres that each row's codes name.

    `codes` is (pieces, groups) uint8, `centres` (groups, 256, 4) float32, `lengths` (pieces, 1) float16.
    """

    codes: NDArray[np.uint8]
    centres: Vectors
    lengths: NDArray[np.float16]


def coded_words(words: Vectors, common: Sequence[int]) -> CodedWords:
    """Code embeddings, (pieces, 384) float32; the rows in `common` weigh threefold when the centres are learned."""
    import faiss

    # On several threads, sums come out in another order on every machine, and the centres with them.
    faiss.omp_set_num_threads(1)
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    units = np.ascontiguousarray(words / lengths)
    groups = WIDTH // CODED_TOGETHER
    coder = faiss.ProductQuantizer(WIDTH, groups, 8)
    coder.cp.niter = _CODEBOOK_STEPS
    coder.train(np.concatenate([units, units[list(common)], units[list(common)]]))
    centres = faiss.vector_to_array(coder.centroids).reshape(groups, _CENTRES, CODED_TOGETHER)
    return CodedWords(coder.compute_codes(units), centres, lengths.astype(np.float16))


def write_tower(e5: E5, words: CodedWords, target: Path, pooled: Sequence[int] = POOLED_LAYERS) -> None:
    """Write the tower: (n, tokens) int64 `ids`, texts of one length, to (n, 384 x layers) float32 `features`."""
    graph = _Graph()
    hidden = graph.embeddings(e5, words)
    means = []
    for layer in range(LAYERS + 1):
        if layer:
            hidden = graph.layer(e5, layer - 1, hidden)
        if layer in pooled:
            means.append(graph.node("ReduceMean", [hidden], axes=[1], keepdims=0))
    graph.nodes.append(helper.make_node("Concat", means, ["features"], axis=1))
    onnx.save(graph.model(WIDTH * len(means)), str(target))


class _Graph:
    """Nodes and constants, as they come."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def node(
        self, kind: str, inputs: Sequence[str], domain: str = "", **attributes: int | float | Sequence[int]
    ) -> str:
        name = f"v{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def halved(self, values: Vectors) -> str:
        """A constant in half the bytes, cast back: ONNX Runtime folds the cast away when it loads the file."""
        return self.node("Cast", [self.constant(values.astype(np.float16))], to=TensorProto.FLOAT)

    def embeddings(self, e5: E5, words: CodedWords) -> str:
        codes = self.node("Cast", [self.node("Gather", [self.constant(words.codes), "ids"])], to=TensorProto.INT64)
        groups = len(words.centres)
        rows = self.node("Add", [codes, self.constant(np.arange(groups) * _CENTRES)])
        centres = self.halved(words.centres.reshape(-1, CODED_TOGETHER))
        shape = self.constant(np.array([0, 0, WIDTH]))
        units = self.node("Reshape", [self.node("Gather", [centres, rows]), shape])
        lengths = self.node("Gather", [self.constant(words.lengths), "ids"])
        meant = self.node("Mul", [units, self.node("Cast", [lengths], to=TensorProto.FLOAT)])
        places = e5.vectors["emb.pos"].reshape(-1, WIDTH)[:POSITIONS] + e5.vectors["emb.type"][:WIDTH]
        zero = self.constant(np.array([0]))
        length = self.node("Shape", ["ids"], start=1, end=2)
        placed = self.node("Add", [meant, self.node("Slice", [self.halved(places), zero, length, zero])])
        return self.node("LayerNormalization", [placed, *self._norm(e5, "emb.ln")], axis=-1, epsilon=_EPSILON)

    def layer(self, e5: E5, number: int, hidden: str) -> str:
        name = f"l{number}"
        parts = [e5.matrices[f"{name}.{part}.w"] for part in "qkv"]
        joined = Quantised(np.concatenate([p.nibbles for p in parts]), np.concatenate([p.scales for p in parts]))
        projected = self._product(hidden, joined)
        split = [f"{name}.{part}" for part in "qkv"]
        widths = self.constant(np.array([WIDTH] * 3))
        self.nodes.append(helper.make_node("Split", [projected, widths], split, axis=-1))
        bias = self.constant(np.concatenate([e5.vectors[f"{name}.{part}.b"] for part in "qkv"]))
        mixed = self.node("MultiHeadAttention", [*split, bias], _MICROSOFT, num_heads=HEADS)
        attended = self._added(e5, f"{name}.a", hidden, mixed)
        wide = self._product(attended, e5.matrices[f"{name}.fi.w"])
        bent = self.node("BiasGelu", [wide, self.constant(e5.vectors[f"{name}.fi.b"])], _MICROSOFT)
        return self._added(e5, f"{name}.", attended, bent)

    def _added(self, e5: E5, name: str, hidden: str, inner: str) -> str:
        """Project what a block computed, add it to what came in, and normalise."""
        block, norm = (f"{name}o", f"{name}ln") if name.endswith("a") else (f"{name}fo", f"{name}oln")
        product = self._product(inner, e5.matrices[f"{block}.w"])
        inputs = [product, hidden, *self._norm(e5, norm), self.constant(e5.vectors[f"{block}.b"])]
        return self.node("SkipLayerNormalization", inputs, _MICROSOFT, epsilon=_EPSILON)

    def _norm(self, e5: E5, name: str) -> list[str]:
        return [self.constant(e5.vectors[f"{name}.w"]), self.constant(e5.vectors[f"{name}.b"])]

    def _product(self, hidden: str, matrix: Quantised) -> str:
        rows, blocks, _ = matrix.nibbles.shape
        pairs = matrix.nibbles.reshape(rows, blocks, BLOCK // 2, 2)
        packed = self.constant(pairs[..., 0] | pairs[..., 1] << 4)
        scales = self.halved(matrix.scales.astype(np.float32).ravel())
        sizes = {"K": blocks * BLOCK, "N": rows, "bits": 4, "block_size": BLOCK}
        # Level 4 multiplies in whole numbers: activations in 8 bits, a scale for each block of them.
        return self.node("MatMulNBits", [hidden, packed, scales], _MICROSOFT, accuracy_level=4, **sizes)

    def model(self, dim: int) -> onnx.ModelProto:
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "tokens"])
        features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dim])
        graph = helper.make_graph(self.nodes, "multilingual-e5-small", [ids], [features], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)
