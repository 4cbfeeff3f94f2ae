"""The judge that ships with the package: what it prefers, what it keeps of pictures, and what it does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import photoseek
from photoseek.indexer.pipeline import IndexOptions
from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.rerank.base import RecallingJudge
from photoseek.rerank.mini_judge import MiniJudge
from photoseek.rerank.reranker import VETO_FROM

QUERIES = {
    "astronaut": "a woman in an orange suit smiles in front of a flag",
    "coffee": "a cup of coffee on a wooden table",
}


@pytest.fixture(scope="module")
def judge() -> MiniJudge:
    return MiniJudge(MiniEmbedder(threads=1))


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.fromarray(getattr(data, name)()).convert("RGB") for name in QUERIES]


def chances(judge: MiniJudge, pictures: list[Image.Image], query: str) -> list[float]:
    return [one.probability for one in judge.judge(pictures, query)]


@pytest.mark.parametrize(("place", "query"), list(enumerate(QUERIES.values())))
def test_a_sentence_fits_the_picture_it_tells_of_best(
    judge: MiniJudge, pictures: list[Image.Image], place: int, query: str
) -> None:
    assert int(np.argmax(chances(judge, pictures, query))) == place


@pytest.mark.parametrize(
    ("place", "true", "false"),
    [
        (0, "a woman smiles at the camera", "a dog runs on the beach"),
    ],
)
def test_a_true_sentence_is_likelier_than_a_false_one(
    judge: MiniJudge, pictures: list[Image.Image], place: int, true: str, false: str
) -> None:
    assert chances(judge, pictures, true)[place] > chances(judge, pictures, false)[place]


def test_a_picture_is_judged_as_if_it_were_alone(judge: MiniJudge, pictures: list[Image.Image]) -> None:
    query = "a woman in an orange suit"
    alone = [chances(judge, [picture], query)[0] for picture in pictures]
    assert chances(judge, pictures, query) == pytest.approx(alone, abs=0.02)
    assert judge.judge([], query) == []


def test_words_it_does_not_know_say_nothing(judge: MiniJudge, pictures: list[Image.Image]) -> None:
    unknown, half = (judge.judge(pictures[:1], text)[0] for text in ("zxqv", "zxqv dog"))
    assert not unknown.says_something
    known = judge.judge(pictures[:1], "dog")[0]
    assert known.mass is not None
    assert half.mass == pytest.approx(known.mass / 2)
    assert half.probability == known.probability


def test_a_word_is_judged_surely_enough_to_veto(judge: MiniJudge, pictures: list[Image.Image]) -> None:
    launch = Image.fromarray(data.rocket()).convert("RGB")
    said = chances(judge, [launch, *pictures], "sky")
    assert said[0] > VETO_FROM > max(said[1:])
    assert chances(judge, [launch, *pictures], "the sky") == said


def test_few_words_weigh_little_in_the_order_however_sure(judge: MiniJudge, pictures: list[Image.Image]) -> None:
    masses = [judge.judge(pictures[:1], " ".join(["dog"] * words))[0].mass or 0.0 for words in range(1, 6)]
    assert masses == sorted(masses)
    assert masses[0] < 0.1
    assert masses[4] == 1.0


def test_what_was_kept_at_index_time_is_judged_without_the_files(
    tmp_path: Path, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTOSEEK_VLM", raising=False)
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, picture in zip(QUERIES, pictures, strict=True):
        picture.save(photos / f"{name}.png")
    with photoseek.open(tmp_path / "kept") as library, photoseek.open(tmp_path / "bare") as bare:
        library.index(photos)
        bare.index(photos, IndexOptions(keep_places=False))
        *_, seen = bare.refine(QUERIES["coffee"])
        for path in photos.iterdir():
            path.unlink()
        *_, kept = library.refine(QUERIES["coffee"])
        assert library.judge_spec.name == "mini"
        assert isinstance(MiniJudge(), RecallingJudge)
        assert kept.hits[0].hit.image.path.stem == "coffee"
        assert (kept.judged_count, kept.skipped, kept.trouble) == (len(QUERIES), (), None)
        said = [{one.hit.image.path.stem: one.judgement for one in result.hits} for result in (seen, kept)]
        for name in QUERIES:
            before, after = (one[name] for one in said)
            assert before is not None
            assert after is not None
            assert after.probability == pytest.approx(before.probability, abs=0.02)
