"""The pieces of the multilingual side's training that can be tested without downloading anything."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from photoseek.library.embedders.languages import LatinProfile, is_english
from photoseek.library.errors import ModelUnavailable
from photoseek.library.types import Vectors

if TYPE_CHECKING:
    from photoseek.training.e5 import E5

TRAIN = "training needs the extra [train]"
torch = pytest.importorskip("torch", reason=TRAIN)
e5s, heads, languages, pieces, texts, towers = (
    pytest.importorskip(f"photoseek.training.{name}", reason=TRAIN)
    for name in ("e5", "multilingual_head", "languages", "pieces", "multilingual_texts", "multilingual_tower")
)

WIDTH, LAYERS, HEADS = 384, 12, 12
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁a",
    "a",
    "狗",
    "▁query",
    ":",
    "红色",
    "红",
    "色",
    "的",
    "▁dog",
    "é",
    "<mask>",
]


def quantised(rows: int, columns: int, chance: np.random.Generator) -> bytes:
    """Random blocks as the published file has them: a float16 scale, then byte j with weights j and j + 16."""
    blocks = columns // 32
    scales = chance.uniform(0.001, 0.01, (rows, blocks, 1)).astype("<f2").view(np.uint8)
    return np.concatenate([scales, chance.integers(0, 256, (rows, blocks, 16), np.uint8)], axis=2).tobytes()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the published form and sizes, but for a vocabulary of a few pieces; its weights are random."""
    chance = np.random.default_rng(5)
    tensors: dict[str, tuple[bool, int, bytes]] = {
        "emb.word": (True, len(PIECES) * WIDTH, quantised(len(PIECES), WIDTH, chance))
    }

    def add_vector(name: str, size: int, centre: float = 0.0) -> None:
        tensors[name] = (False, size, (centre + chance.normal(0, 0.02, size)).astype("<f4").tobytes())

    add_vector("emb.pos", 512 * WIDTH)
    add_vector("emb.type", 2 * WIDTH)
    for number in ["emb.ln", *(f"l{layer}.{norm}" for layer in range(LAYERS) for norm in ("aln", "oln"))]:
        add_vector(f"{number}.w", WIDTH, 1.0)
        add_vector(f"{number}.b", WIDTH)
    for layer in range(LAYERS):
        for name, rows, columns in [
            *((part, WIDTH, WIDTH) for part in ("q", "k", "v", "ao")),
            ("fi", 4 * WIDTH, WIDTH),
            ("fo", WIDTH, 4 * WIDTH),
        ]:
            tensors[f"l{layer}.{name}.w"] = (True, rows * columns, quantised(rows, columns, chance))
            add_vector(f"l{layer}.{name}.b", rows)
    encoded = [piece.encode() for piece in PIECES]
    starts = np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes()
    scores = np.array([0, 0, 0, 0, *-np.arange(1, len(PIECES) - 4), 0], "<f4").tobytes()
    head = b"E5S1" + struct.pack("<I7i f i", 1, WIDTH, LAYERS, HEADS, 4 * WIDTH, len(PIECES), 512, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(encoded))) + starts + scores + b"".join(encoded)
    head += (
        struct.pack("<iI", 1, 9)
        + struct.pack("<IB", 0xA0, 1)
        + struct.pack("<I", 0x20)
        + struct.pack("<i", len(tensors))
    )
    offset = len(head) + sum(2 + len(name) + 21 for name in tensors)
    directory, body = b"", b""
    for name, (packed, values, data) in tensors.items():
        directory += (
            struct.pack("<H", len(name))
            + name.encode()
            + struct.pack("<BIQQ", packed, values, offset + len(body), len(data))
        )
        body += data
    path: Path = tmp_path_factory.mktemp("e5") / "e5-small-q4.bin"
    path.write_bytes(head + directory + body)
    return path


@pytest.fixture(scope="module")
def e5(file: Path) -> E5:
    return e5s.read_e5(file)


def normed(values: Vectors, weight: Vectors, bias: Vectors) -> Vectors:
    centred = values - values.mean(1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12) * weight + bias)


def bert(e5: E5, ids: list[int]) -> list[Vectors]:
    """BERT in NumPy, written from its paper: the hidden states before the first layer and after each."""
    gelu = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / 2**0.5)))
    vectors = e5.vectors
    states = e5.words.floats()[ids] + vectors["emb.pos"].reshape(-1, WIDTH)[: len(ids)] + vectors["emb.type"][:WIDTH]
    states = normed(states, vectors["emb.ln.w"], vectors["emb.ln.b"])
    found = [states]
    for layer in range(LAYERS):

        def linear(name: str, values: Vectors, layer: int = layer) -> Vectors:
            weights = e5.matrices[f"l{layer}.{name}.w"].floats()
            return np.asarray(values @ weights.T + vectors[f"l{layer}.{name}.b"])

        query, key, value = (
            linear(part, states).reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for part in ("q", "k", "v")
        )
        scores = query @ key.transpose(0, 2, 1) / (WIDTH // HEADS) ** 0.5
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        norms = {name: (vectors[f"l{layer}.{name}.w"], vectors[f"l{layer}.{name}.b"]) for name in ("aln", "oln")}
        states = normed(states + linear("ao", mixed), *norms["aln"])
        states = normed(states + linear("fo", gelu(linear("fi", states))), *norms["oln"])
        found.append(states)
    return found


def written(e5: E5, folder: Path, kept: list[int]) -> onnxruntime.InferenceSession:
    # So few pieces can be coded exactly: each is a centre of its own.
    rows = e5.words.floats()[kept]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float16)
    centres = np.zeros((WIDTH // 4, 256, 4), np.float32)
    centres[:, : len(kept)] = (rows / lengths).reshape(len(kept), -1, 4).transpose(1, 0, 2)
    codes = np.repeat(np.arange(len(kept), dtype=np.uint8)[:, np.newaxis], WIDTH // 4, axis=1)
    towers.write_tower(e5, towers.CodedWords(codes, centres, lengths), folder / "tower.onnx")
    return onnxruntime.InferenceSession(str(folder / "tower.onnx"), providers=["CPUExecutionProvider"])


def test_the_rebuilt_tower_computes_what_bert_does(e5: E5, tmp_path: Path) -> None:
    kept = [0, 1, 2, 3, 7, 10, 11, 14]
    session = written(e5, tmp_path, kept)
    ids: NDArray[np.int64] = np.array([[0, 4, 7, 5, 2], [0, 6, 6, 4, 2]])
    features = session.run(None, {"ids": ids})[0]
    for row, text in zip(features, ids, strict=True):
        states = bert(e5, [kept[place] for place in text])
        for part, layer in zip(np.split(row, 4), (0, 4, 8, 12), strict=True):
            wanted = states[layer].mean(0)
            assert part @ wanted / np.linalg.norm(part) / np.linalg.norm(wanted) > 0.995
            assert np.linalg.norm(part) == pytest.approx(np.linalg.norm(wanted), rel=0.03)


def test_texts_of_one_length_together_have_the_vectors_that_each_has_alone(e5: E5, tmp_path: Path) -> None:
    session = written(e5, tmp_path, list(range(16)))
    ids = np.array([[0, 7, 10, 2], [0, 14, 5, 2]])
    together = session.run(None, {"ids": ids})[0]
    alone = np.concatenate([session.run(None, {"ids": ids[row : row + 1]})[0] for row in (0, 1)])
    assert together == pytest.approx(alone, abs=1e-4)


def test_the_file_is_read_as_it_was_written(e5: E5) -> None:
    assert e5.pieces == tuple(PIECES)
    assert e5.scores[4:7] == (-1.0, -2.0, -3.0)
    assert e5.words.floats().shape == (len(PIECES), WIDTH)
    assert e5.matrices["l3.fo.w"].floats().shape == (WIDTH, 4 * WIDTH)
    assert np.abs(e5.matrices["l3.fo.w"].nibbles).max() == 15


@pytest.mark.parametrize("damage", [b"nonsense", b""])
def test_another_file_is_refused_by_name(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "e5.bin").write_bytes(damage)
    with pytest.raises(ModelUnavailable, match=r"e5\.bin has another format"):
        e5s.read_e5(tmp_path / "e5.bin")
    with pytest.raises(ModelUnavailable, match=r"missing\.bin cannot be read"):
        e5s.read_e5(tmp_path / "missing.bin")


def test_the_tokenizer_takes_the_likeliest_pieces_and_normalises(e5: E5, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    pieces.write_tokenizer(e5, range(len(PIECES) - 1), tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("红色的狗").tokens == ["<s>", "▁", "红色", "的", "狗", "</s>"]
    assert tokenizer.encode("ａ\u200b\ta").tokens == tokenizer.encode("a a").tokens == ["<s>", "▁a", "▁a", "</s>"]
    assert tokenizer.encode("e\u0301").tokens == tokenizer.encode("é").tokens == ["<s>", "▁", "é", "</s>"]
    assert tokenizer.encode("жж").ids == [0, 4, 3, 2]


def test_pieces_are_kept_by_what_texts_use(e5: E5) -> None:
    kept, common = pieces.chosen_pieces(e5, {"zh": (5.0, ["红色的狗"] * 3)}, count=len(PIECES) - 3)
    names = [PIECES[row] for row in kept]
    assert {"红色", "的", "狗", "红", "色", "é"} <= set(names)
    assert "<mask>" not in names
    assert names == [piece for piece in PIECES if piece in names]
    assert set(common) == set(range(len(kept)))


def test_a_learned_profile_tells_what_it_was_taught() -> None:
    english = ["a dog runs on the grass", "two men with a hat", "the red car stands there", "a child plays"] * 3
    german = [
        "ein hund läuft über das gras",
        "zwei männer mit einem hut",
        "das rote auto steht dort",
        "ein kind spielt",
    ]
    known = ["a", "dog", "the", "red", "car", "hat", "mit"]
    profile = languages.learned_profile(english, [f"{text} {n}" for text in german for n in range(40)], known, [], 1)
    assert is_english("a red hat", profile)
    assert profile.evidence("zwei hunde mit hut") > profile.evidence("two hats")
    assert is_english("mit", profile)
    assert isinstance(profile, LatinProfile)


def test_a_head_learns_where_texts_and_their_pictures_lie() -> None:
    chance = np.random.default_rng(0)
    hidden = chance.normal(size=(400, 6)).astype(np.float32)
    english = np.zeros((400, 10), np.float32)
    english[:, :6] = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    features = (hidden @ chance.normal(size=(6, 24))).astype(np.float16)
    rows = np.arange(300)
    nowhere = np.full(300, -1)
    recipe = heads.HeadRecipe(
        steps=150, batch=64, width=32, dropout=0.0, most_pictures=64, most_english=64, learning_rate=5e-3
    )
    sources = [
        heads.Taught("said", features[:300], rows, nowhere, 1.0),
        heads.Taught("seen", features[:300], nowhere, rows, 1.0),
    ]
    head = heads.taught_head(sources, english, np.stack([english, english]), recipe)
    with torch.no_grad():
        found = head(torch.from_numpy(features[300:].astype(np.float32))).numpy()
    assert ((found @ english[300:].T).argmax(1) == np.arange(100)).mean() > 0.95
    assert not found[:, 6:].any()
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_texts_beside_captions_are_read_by_language(tmp_path: Path) -> None:
    (tmp_path / "train.zh.tsv").write_text("a.jpg\t狗\nb.jpg\t\n", encoding="utf-8")
    (tmp_path / "train.en.tsv").write_text("a.jpg\ta dog\n", encoding="utf-8")
    (tmp_path / "train.en-zh.tsv").write_text("a cat\t一只猫\n", encoding="utf-8")
    (tmp_path / "multi30k").mkdir()
    for language, sentence in (("en", "a car"), ("de", "ein Auto")):
        (tmp_path / f"multi30k/train.{language}.gz").write_bytes(gzip.compress(f"{sentence}\n".encode()))
    assert list(texts.native_captions(tmp_path, "train")) == [texts.Said("zh", "狗", "", "a.jpg")]
    assert list(texts.translated_captions(tmp_path, "train")) == [
        texts.Said("zh", "一只猫", "a cat", ""),
        texts.Said("de", "ein Auto", "a car", ""),
    ]
    assert list(texts.translated_captions(tmp_path / "nothing", "train")) == []
