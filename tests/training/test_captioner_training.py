"""The captioner's training from photographs and captions to files that caption: every step, on eight photographs."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from photoseek.library.embedders.mini import WEIGHTS, MiniEmbedder
from photoseek.rerank.base import CaptionStyle
from photoseek.rerank.mini_captioner import MiniCaptioner
from photoseek.rerank.mini_judge import MiniJudge

TRAIN = "training needs the extra [train]"
torch = pytest.importorskip("torch", reason=TRAIN)
train_captioner, train_caption_language, rerank_manifest, caption_names = (
    pytest.importorskip(f"photoseek.training.{name}", reason=TRAIN)
    for name in ("train_captioner", "train_caption_language", "rerank_manifest", "caption_names")
)

COLOURS = {
    "red": ("红", (220, 20, 20)),
    "blue": ("蓝", (20, 20, 220)),
    "green": ("绿", (20, 200, 20)),
    "white": ("白", (250, 250, 250)),
}
CLASSES = ("tench", "corgi", "beagle", "collie", "boxer", "pug")

# Dogs below their kind, in WordNet's own format.
NOUNS = "  1 A line of the licence.\n02084071 05 n 01 dog 0 000 | a member of the genus Canis\n" + "".join(
    f"0000000{number} 05 n 01 {name} 0 001 @ 02084071 n 0000 | one of them\n" for number, name in enumerate(CLASSES)
)


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    folder = tmp_path / "captioned"
    for split, count in (("train", 8), ("val", 4)):
        (folder / split).mkdir(parents=True)
        tables: dict[str, list[str]] = {"en": [], "zh": []}
        for number in range(count):
            word, (character, colour) = list(COLOURS.items())[number % len(COLOURS)]
            Image.new("RGB", (40 + number, 30), colour).save(folder / split / f"{number}.jpg")
            tables["en"] += [f"{number}.jpg\tA {word} wall ." for _ in range(5)]
            tables["zh"] += [f"{number}.jpg\t一面{character}墙。" for _ in range(5)]
        for language, lines in tables.items():
            (folder / f"{split}.{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_photographs_and_captions_become_a_captioner_of_two_languages_and_a_judge(
    tmp_path: Path, captioned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wordnet = tmp_path / "wordnet"
    wordnet.mkdir()
    (wordnet / "data.noun").write_text(NOUNS)
    synsets = tuple(f"n0000000{number}" for number in range(len(CLASSES)))
    torch.manual_seed(1)
    network = SimpleNamespace(classifier=torch.nn.Linear(1280, len(CLASSES)))
    monkeypatch.setattr(train_captioner, "image_network", lambda: network)
    monkeypatch.setattr(train_captioner, "fetch", lambda _cache: SimpleNamespace(wordnet=wordnet))
    for module in (train_captioner, caption_names):
        monkeypatch.setattr(module, "class_names", lambda: CLASSES)
    monkeypatch.setattr(caption_names, "class_synsets", lambda: synsets)
    monkeypatch.setattr("photoseek.training.wordnet.class_synsets", lambda: synsets)
    (tmp_path / "caption_names.zh.tsv").write_text("kind\tdog\t狗\n", encoding="utf-8")
    monkeypatch.setattr(train_caption_language, "NAMES", tmp_path)
    cache, embedder, into = tmp_path / "cache", tmp_path / "embedder", tmp_path / "into"
    cache.mkdir()
    shutil.copytree(WEIGHTS, embedder, ignore=shutil.ignore_patterns("multilingual"))

    def run(module: object, *more: str) -> list[dict[str, object]]:
        places = ("--captions", captioned, "--cache", cache, "--embedder", embedder, "--into", into, *more)
        monkeypatch.setattr(sys, "argv", ["train", *map(str, places)])
        capsys.readouterr()
        module.main()  # type: ignore[attr-defined]
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"stage"')]

    epochs = [line for line in run(train_captioner, "--epochs", "3") if line["stage"] == "epoch"]
    assert [line["epoch"] for line in epochs] == [0, 1, 2]
    assert float(str(epochs[2]["loss"])) < float(str(epochs[0]["loss"]))
    epochs = [line for line in run(train_caption_language, "--captioner", str(into), "--epochs", "3") if "loss" in line]
    assert float(str(epochs[2]["loss"])) < float(str(epochs[0]["loss"]))
    run(rerank_manifest)
    model = MiniEmbedder(threads=1, folder=embedder)
    captioner, judge = MiniCaptioner(model, into), MiniJudge(model, folder=into)
    [english] = captioner.caption([Image.new("RGB", (40, 30), "red")], CaptionStyle())
    [chinese] = captioner.caption([Image.new("RGB", (40, 30), "red")], CaptionStyle(language="zh"))
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert (into / "caption_words.zh.txt").read_text(encoding="utf-8").splitlines()[4] in "一面墙"
    [judgement] = judge.judge([Image.new("RGB", (40, 30), "red")], "a red wall")
    assert judgement.is_valid
