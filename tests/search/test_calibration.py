"""Calibration: the curve that is fitted, what it makes of a made-up world, and how it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import photoseek
from photoseek import Query, parse_terms
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.embedders.base import normalized
from photoseek.library.types import Vectors
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.search.calibration import Calibration, Calibrations, Curve, common_bonus, fitted_curve, match_probability
from photoseek.search.describe import Vocabulary
from photoseek.tests.support.changes import add, indexed
from photoseek.tests.support.fakes import ColourEmbedder, paint

DIM = 64


def world(
    seed: int, concepts: int = 120, images: int = 600, noise: float = 0.7
) -> tuple[Vectors, Vectors, NDArray[np.int64]]:
    """Pictures that each show one concept amid noise, all lying towards one side, as real models' vectors do."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal(DIM) * 1.5
    meaning = rng.standard_normal((concepts, DIM))
    shown = rng.integers(0, concepts, images)
    pictures = meaning[shown] + side + noise * rng.standard_normal((images, DIM))
    texts = meaning + side + 0.5 * rng.standard_normal((concepts, DIM))
    return normalized(pictures.astype(np.float32)), normalized(texts.astype(np.float32)), shown


def test_a_curve_is_recovered_from_pairs_drawn_from_it() -> None:
    rng = np.random.default_rng(3)
    truth = Curve(midpoint=2.0, slope=1.5)
    evidence = rng.normal(1.0, 2.0, 200_000)
    found = fitted_curve(evidence, rng.random(evidence.size) < truth.probability(evidence))
    assert [found.midpoint, found.slope] == pytest.approx([2.0, 1.5], abs=0.03)


def test_without_pairs_the_default_holds_and_separable_ones_do_not_break_it() -> None:
    nothing = fitted_curve(np.empty(0), np.empty(0, dtype=np.bool_))
    assert [nothing.midpoint, nothing.slope] == pytest.approx([Curve().midpoint, Curve().slope])
    apart = np.concatenate([np.full(5000, -1.0), np.full(5000, 8.0)])
    steep = fitted_curve(apart, apart > 0)
    assert np.isfinite([steep.midpoint, steep.slope]).all()
    assert steep.probability(np.array([-1.0, 8.0])) == pytest.approx([0, 1], abs=0.01)
    backwards = fitted_curve(apart, apart < 0)
    assert backwards.slope > 0


def test_evidence_and_probability_are_each_others_inverse() -> None:
    curve = Curve(3.0, 2.0)
    for probability in (0.1, 0.25, 0.5, 0.99):
        assert curve.probability(np.array([curve.evidence(probability)]))[0] == pytest.approx(probability)
    assert curve.probability(np.array([-1e9, 1e9])) == pytest.approx([0.0, 1.0])


def test_probabilities_hold_for_texts_that_the_calibration_never_saw() -> None:
    """Half the concepts are neutral texts, the other half queries, whose answers are known here."""
    pictures, texts, shown = world(1)
    calibration = Calibration.learned(pictures, texts[:60])
    said, true = [], []
    for concept in range(60, 120):
        said.append(calibration.curve.probability(calibration.background(texts[concept]).evidence(pictures)))
        true.append(shown == concept)
    probability, match = np.concatenate(said), np.concatenate(true)
    assert probability[match].mean() > 0.8
    assert probability[~match].mean() < 0.05
    sure = probability > 0.9
    assert match[sure].mean() > 0.75


def test_queries_without_an_answer_are_told_from_those_with_one() -> None:
    pictures, texts, shown = world(2)
    calibration = Calibration.learned(pictures, texts[:60])
    for concept in range(60, 120):
        probability = calibration.curve.probability(calibration.background(texts[concept]).evidence(pictures))
        assert probability[shown == concept].max() > 0.5
        assert np.median(probability[shown != concept]) < 0.02


def test_evidence_is_the_mean_of_three_standard_scores() -> None:
    pictures, texts, _ = world(9, images=4000)
    calibration = Calibration.learned(pictures, texts[:60])
    # So weak a query stands out among the library's pictures as much as the whole one does, but nowhere else.
    whole, weak = texts[70], texts[70] * 0.2
    scores, usual = pictures @ weak, pictures @ texts[:60].T
    among_images = (scores - scores.mean()) / scores.std()
    among_texts = (scores - usual.mean(axis=1)) / usual.std(axis=1)
    among_pairs = (scores - usual.mean()) / usual.std()
    found = calibration.background(weak).evidence(pictures)
    wanted = (among_images + among_texts + among_pairs) / 3
    assert found == pytest.approx(wanted, abs=0.3)
    assert calibration.background(whole).evidence(pictures).max() > found.max() + 2


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_what_a_large_part_of_the_library_shows_is_found_there(share: float) -> None:
    """Where many pictures match, the library's own scores are no background."""
    pictures, texts, shown = world(6, images=3000, noise=1.3)
    found, wrong = [], []
    for concept in range(60, 72):
        matches, others = np.flatnonzero(shown == concept), np.flatnonzero(shown != concept)
        library = np.concatenate([matches, others[: round(len(matches) * (1 - share) / share)]])
        calibration = Calibration.learned(pictures[library], texts[:60])
        hit = calibration.curve.probability(calibration.background(texts[concept]).evidence(pictures[library])) > 0.5
        found.append(hit[: len(matches)].mean())
        wrong.append(hit[len(matches) :].mean())
    assert np.mean(found) > 0.95
    assert np.mean(wrong) < 0.05


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_the_share_that_matches_is_recovered_from_evidence_the_curve_is_right_for(share: float) -> None:
    curve, usual = Curve(midpoint=4.0, slope=2.5), 1 / 300
    # The log odds between two normal distributions of equal spread are linear: these are right where 1 in 300 matches.
    apart = 2.5
    low = 4.0 - np.log(299) / 2.5 - apart / 2
    is_match = np.arange(20_000) < share * 20_000
    evidence = np.random.default_rng(8).normal(np.where(is_match, low + apart, low), 1.0)
    bonus = common_bonus(curve, evidence, usual)
    assert curve.probability(evidence + bonus).mean() == pytest.approx(share, abs=0.01)
    wanted = np.log(share / (1 - share)) - np.log(usual / (1 - usual))
    assert bonus * curve.slope == pytest.approx(wanted, abs=0.1)


def test_what_is_not_common_gets_no_bonus() -> None:
    assert common_bonus(Curve(), np.full(500, -50.0), 1 / 300) == 0.0
    assert common_bonus(Curve(), np.full(500, 9.0), 1.0) == 0.0, "one neutral text does not say what is usual"


def test_a_tiny_library_is_held_near_the_default() -> None:
    pictures, texts, _ = world(4)
    calibration = Calibration.learned(pictures[:2], texts)
    assert abs(calibration.curve.midpoint - Curve().midpoint) < 1.5
    assert np.isfinite(calibration.background(texts[0]).evidence(pictures)).all()


def test_example_pictures_are_compared_with_pictures() -> None:
    """Pictures lie nearer to each other than to texts: by texts' background all of them would match."""
    pictures, texts, shown = world(5)
    pictures = normalized(pictures + np.float32(0.3))
    calibration = Calibration.learned(pictures, texts)
    example = pictures[0]
    by_images = calibration.background(example, 1.0).evidence(pictures[1:])
    by_texts = calibration.background(example, 0.0).evidence(pictures[1:])
    unrelated = shown[1:] != shown[0]
    assert by_images[unrelated].mean() < by_texts[unrelated].mean()
    assert by_images[~unrelated].mean() > by_images[unrelated].mean() + 1


def test_what_is_avoided_takes_from_the_probability() -> None:
    found = np.array([0.8, 0.8])
    assert match_probability(found, [np.array([0.5, 0.0]), np.array([0.5, 0.0])]).tolist() == pytest.approx([0.2, 0.8])
    assert found.tolist() == [0.8, 0.8]


def test_the_neutral_texts_are_many_and_each_is_there_once() -> None:
    labels = Vocabulary.neutral().labels
    text = (Path(photoseek.__file__).parent / "search/vocabularies/neutral.txt").read_text(encoding="utf-8")
    assert len(labels) == len(text.splitlines()) >= 200


# Kept beside the library


class Made:
    """Calibrations over one catalogue; counts how often texts are embedded."""

    def __init__(self, catalog: Catalog, model: ModelRow, folder: Path, vocabulary: str = "v1") -> None:
        self.embedded = 0
        identity = GenerationIdentity(catalog.meta().library_id, model.key, model.dim)
        vectors = LiveVectors(catalog, Generations(folder / "vectors", identity), model)
        self.folder = folder / "calibration"
        self.calibrations = Calibrations(catalog, vectors, model, (self.folder,), vocabulary, self.embed)

    def embed(self) -> Vectors:
        self.embedded += 1
        return ColourEmbedder().embed_texts(["red", "green", "blue", "red blue"])

    def current(self) -> Calibration:
        return self.calibrations.current()


def test_it_is_learned_once_and_read_by_the_next_process(catalog: Catalog, model: ModelRow, tmp_path: Path) -> None:
    add(catalog, model, "/photos/a.png", "/photos/b.png")
    first = Made(catalog, model, tmp_path)
    learned = first.current()
    assert first.current() is learned
    second = Made(catalog, model, tmp_path)
    read = second.current()
    assert (first.embedded, second.embedded) == (1, 0)
    assert read.curve == learned.curve
    np.testing.assert_array_equal(read.sample, learned.sample)
    np.testing.assert_array_equal(read.neutral, learned.neutral)


def test_it_is_learned_again_when_the_library_has_grown_much(catalog: Catalog, model: ModelRow, tmp_path: Path) -> None:
    add(catalog, model, *(f"/photos/{number}.png" for number in range(20)))
    made = Made(catalog, model, tmp_path)
    learned = made.current()
    catalog.apply([indexed("/photos/20.png")], model.id)
    assert made.current() is learned
    catalog.apply([indexed(f"/photos/{number}.png") for number in range(21, 26)], model.id)
    again = made.current()
    assert len(again.sample) == 26
    assert made.embedded == 1, "the texts have not changed"
    assert len(Made(catalog, model, tmp_path).current().sample) == 26


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty"])
def test_a_damaged_file_is_learned_again(catalog: Catalog, model: ModelRow, tmp_path: Path, damage: str) -> None:
    add(catalog, model, "/photos/a.png")
    Made(catalog, model, tmp_path).current()
    [file] = (tmp_path / "calibration").iterdir()
    whole = file.read_bytes()
    file.write_bytes({"truncated": whole[: len(whole) // 2], "foreign": b"PK\x03\x04 not ours", "empty": b""}[damage])
    again = Made(catalog, model, tmp_path)
    assert len(again.current().sample) == 1
    assert again.embedded == 1


def test_other_texts_or_another_library_are_learned_anew(catalog: Catalog, model: ModelRow, tmp_path: Path) -> None:
    add(catalog, model, "/photos/a.png")
    Made(catalog, model, tmp_path).current()
    other = Made(catalog, model, tmp_path, vocabulary="v2")
    other.current()
    assert other.embedded == 1


def test_a_curve_learned_for_other_evidence_is_learned_anew(
    catalog: Catalog, model: ModelRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(catalog, model, "/photos/a.png")
    monkeypatch.setattr("photoseek.search.calibration.EVIDENCE_VERSION", 1)
    Made(catalog, model, tmp_path).current()
    monkeypatch.undo()
    again = Made(catalog, model, tmp_path)
    again.current()
    assert again.embedded == 0, "the texts have not changed"
    assert again.calibrations._kept is not None
    assert again.calibrations._kept[0].evidence == 2


def test_a_folder_that_cannot_be_written_keeps_it_in_memory(catalog: Catalog, model: ModelRow, tmp_path: Path) -> None:
    add(catalog, model, "/photos/a.png")
    (tmp_path / "calibration").write_text("a file where the folder would be")
    made = Made(catalog, model, tmp_path)
    assert made.current() is made.current()


def test_a_sample_is_spread_over_the_library(catalog: Catalog, model: ModelRow) -> None:
    ids = add(catalog, model, *(f"/photos/{number:03}.png" for number in range(300)))
    sample = catalog.sample_ids(model.id, 50)
    assert 20 <= len(sample) <= 80
    assert set(sample.tolist()) <= set(ids)
    assert sample.min() < sorted(ids)[60]
    assert sample.max() > sorted(ids)[240]
    assert catalog.sample_ids(model.id, 300).tolist() == sorted(ids)
    assert len(catalog.sample_ids(model.id, 10)) >= 1


def test_nothing_here_matches_in_an_empty_library(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "red.png", "red")
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        library.index(tmp_path / "photos")
        (tmp_path / "photos" / "red.png").unlink()
        (tmp_path / "photos" / "x.txt").write_text("")
        library.index(tmp_path / "photos", photoseek.IndexOptions(prune=True))
        assert library.search(Query(parse_terms("red - blue"), threshold="auto")) == []
