"""The map: clusters and places found in made-up worlds, the words for them, and how a map is kept."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import photoseek
from photoseek import IndexOptions, LibraryMap, MapOptions, QueryError
from photoseek.library.embedders.base import normalized
from photoseek.library.types import Vectors
from photoseek.search import library_map, map_layout
from photoseek.search.map_layout import (
    centres,
    cluster_count,
    clusters,
    layout,
    nearest_neighbours,
    principal_components,
)
from photoseek.tests.support.fakes import ColourEmbedder, paint

PCA = MapOptions("pca")


def groups(sizes: list[int], dim: int = 32, seed: int = 0) -> tuple[Vectors, list[int]]:
    """Vectors in groups of these sizes, each about a direction of its own; and each one's group."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((len(sizes), dim))
    of = np.repeat(np.arange(len(sizes)), sizes)
    return normalized((middles[of] + 0.2 * rng.standard_normal((len(of), dim))).astype(np.float32)), of.tolist()


def test_groups_that_lie_apart_are_found_and_the_largest_comes_first() -> None:
    vectors, of = groups([20, 70, 40])
    assert clusters(vectors, 3).tolist() == [{1: 0, 2: 1, 0: 2}[group] for group in of]


def test_centres_are_the_mean_directions_of_their_members() -> None:
    vectors, of = groups([5, 7])
    members = np.array(of)
    expected = normalized(np.stack([vectors[members == group].sum(axis=0) for group in (0, 1)]))
    assert centres(vectors, members) == pytest.approx(expected, abs=1e-6)


def test_clusters_are_the_same_each_time_and_need_not_all_be_used() -> None:
    vectors, _ = groups([30, 30])
    assert np.array_equal(clusters(vectors, 5), clusters(vectors, 5))
    same = np.full((6, 4), 0.5, dtype=np.float32)
    assert clusters(same, 3).tolist() == [0] * 6
    assert clusters(vectors[:0], 3).shape == (0,)
    assert clusters(vectors[:1], 3).tolist() == [0]


@pytest.mark.parametrize(("images", "count"), [(0, 1), (3, 1), (4, 2), (400, 10), (1_600, 20), (1_000_000, 20)])
def test_how_many_clusters_a_library_has(images: int, count: int) -> None:
    assert cluster_count(images) == count


def test_principal_components_are_those_of_an_independent_decomposition() -> None:
    vectors, _ = groups([40, 50, 30], dim=8)
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    found = principal_components(vectors, 3)
    assert np.abs(found) == pytest.approx(np.abs(left * sizes)[:, :3], abs=1e-4)


def test_components_that_are_not_there_are_zero() -> None:
    line = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    assert principal_components(line, 2).tolist() == [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    assert principal_components(line[:1], 2).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_a_layout_lies_in_the_unit_square(count: int) -> None:
    vectors, _ = groups([50])
    places, method = layout(vectors[:count], "pca")
    assert places.shape == (count, 2)
    assert places.dtype == np.float32
    assert method == "pca"
    assert ((places >= 0) & (places <= 1)).all()
    if count == 1:
        assert places.tolist() == [[0.5, 0.5]]


def test_umap_keeps_groups_together() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    vectors, of = groups([40, 40])
    places, method = layout(vectors, "umap")
    assert method == "umap"
    assert np.array_equal(layout(vectors, "umap")[0], places)
    distances = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    assert [of[place] for place in nearest] == of


def test_few_pictures_are_laid_out_by_pca_even_where_umap_is_asked_for() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    vectors, _ = groups([20])
    assert layout(vectors, "umap")[1] == "pca"


def test_umap_that_is_not_installed_is_refused_with_a_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(QueryError, match=r"photoseek\[explore\]"):
        layout(groups([40])[0], "umap")


@pytest.fixture
def painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of four red and four blue pictures, no two alike to the byte."""
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    for number in range(4):
        paint(tmp_path / "photos" / f"red{number}.png", (255, 3 * number, 0))
        paint(tmp_path / "photos" / f"blue{number}.png", (0, 3 * number, 255))
    return tmp_path / "photos"


def index_into(folder: Path, photos: Path) -> photoseek.Library:
    library = photoseek.open(folder, model=ColourEmbedder())
    library.index(photos, IndexOptions(workers=1))
    return library


def colours_by_cluster(library: photoseek.Library, drawn: LibraryMap) -> list[set[str]]:
    names = {hit.image.id: hit.image.path.name.rstrip("0123456789.png") for hit in library.search("red", k=100)}
    numbers = drawn.ids.tolist()
    return [
        {names[image_id] for image_id, member in zip(numbers, drawn.members.tolist(), strict=True) if member == number}
        for number in range(len(drawn.clusters))
    ]


def test_a_library_is_parted_into_clusters_with_words_for_them(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        drawn = library.map(PCA)
        assert (drawn.images, drawn.ids.size, drawn.method) == (8, 8, "pca")
        colours = colours_by_cluster(library, drawn)
    assert sorted(colours, key=str) == [{"blue"}, {"red"}]
    for cluster, colour in zip(drawn.clusters, colours, strict=True):
        assert cluster.count == 4
        assert all(colour.copy().pop() in label for label in cluster.labels)
        assert cluster.example in drawn.ids


def test_a_map_is_made_once_and_read_by_the_next_process(
    tmp_path: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index_into(tmp_path / "library", painted) as library:
        first = library.map(PCA)
        assert library.map(PCA) is first
    monkeypatch.setattr(library_map, "layout", None)  # called, it would raise
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        second = library.map(PCA)
    for name in ("ids", "places", "members"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert (first.clusters, first.method, first.images) == (second.clusters, second.method, second.images)


def test_a_map_is_made_anew_when_a_small_library_changes(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        assert library.map(PCA).images == 8
        library.remove(painted / "red0.png")
        paint(painted / "green.png", "green")
        library.index(painted / "green.png", IndexOptions(workers=1))
        drawn = library.map(PCA)
        ids = [hit.image.id for hit in library.search("green", k=100)]
    assert drawn.ids.tolist() == sorted(ids)
    assert drawn.images == len(ids) == 8


def test_a_large_librarys_map_outlives_small_changes_less_what_was_removed(
    tmp_path: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_map, "BUILD_FLOOR", 2)
    monkeypatch.setattr(library_map, "BUILD_SHARE", 0.3)
    with index_into(tmp_path / "library", painted) as library:
        before = library.map(PCA)
        gone = library.search("red", k=1)[0].image
        library.remove(gone.path)
        after = library.map(PCA)
        assert after.ids.tolist() == [image_id for image_id in before.ids.tolist() if image_id != gone.id]
        kept = before.ids != gone.id
        assert np.array_equal(after.places, before.places[kept])
        assert (after.clusters, after.images) == (before.clusters, 7)
        for number in range(3):
            library.remove(painted / f"blue{number}.png")
        assert sum(cluster.count for cluster in library.map(PCA).clusters) == 4


def test_a_map_holds_no_more_images_than_asked_for(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        drawn = library.map(MapOptions("pca", most=3))
        assert library.map(MapOptions("pca", most=3)) is drawn
    assert drawn.ids.size <= 3
    assert drawn.images == 8


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_half_a_file_is_made_again(tmp_path: Path, painted: Path, damage: bytes) -> None:
    with index_into(tmp_path / "library", painted) as library:
        drawn = library.map(PCA)
    (file,) = (tmp_path / "library" / "maps").iterdir()
    file.write_bytes(damage)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        assert np.array_equal(library.map(PCA).places, drawn.places)


def test_a_map_with_a_wrong_bit_is_made_again_wherever_it_is(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        drawn = library.map(PCA)
    (file,) = (tmp_path / "library" / "maps").iterdir()
    whole = file.read_bytes()
    for place in range(0, len(whole), 1 + len(whole) // 8):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
            assert np.array_equal(library.map(PCA).places, drawn.places)


def test_a_folder_that_cannot_be_written_keeps_the_map_in_memory(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        (tmp_path / "library" / "maps").write_text("in the way")
        drawn = library.map(PCA)
        assert library.map(PCA) is drawn


def test_a_library_of_one_picture_has_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    with index_into(tmp_path / "library", paint(tmp_path / "photos" / "red.png", "red").parent) as library:
        drawn = library.map()
    assert (drawn.places.tolist(), drawn.members.tolist(), drawn.clusters[0].count) == ([[0.5, 0.5]], [0], 1)


def test_a_library_whose_pictures_are_gone_has_an_empty_map(tmp_path: Path, painted: Path) -> None:
    with index_into(tmp_path / "library", painted) as library:
        library.remove(painted)
        drawn = library.map()
    assert (drawn.ids.tolist(), drawn.places.shape, drawn.clusters, drawn.images) == ([], (0, 2), (), 0)


def test_a_map_of_nothing_is_refused() -> None:
    with pytest.raises(QueryError, match="0 images were asked for"):
        MapOptions(most=0)


def test_neighbours_are_those_of_comparing_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_layout, "_BLOCK", 100)
    vectors, _ = groups([170, 160], dim=8)
    vectors[5] = vectors[9]
    places, distances = nearest_neighbours(vectors, 12)
    all_distances = np.linalg.norm(vectors[:, np.newaxis].astype(np.float64) - vectors, axis=2)
    assert places[:, 0].tolist() == list(range(330))
    assert distances == pytest.approx(np.sort(all_distances, axis=1)[:, :12], abs=1e-3)
    assert distances == pytest.approx(np.take_along_axis(all_distances, places, axis=1), abs=1e-3)


def test_umap_is_given_neighbours_a_start_and_a_bounded_number_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    umap = pytest.importorskip("umap")
    given: list[dict[str, object]] = []
    usual = umap.UMAP

    def watched(**options: object) -> object:
        given.append(options)
        return usual(**options)

    monkeypatch.setattr(umap, "UMAP", watched)
    vectors, of = groups([40, 40])
    places, method = layout(vectors, "umap")
    assert method == "umap"
    [options] = given
    assert options["n_epochs"] == 200
    assert isinstance(options["init"], np.ndarray)
    assert options["init"].shape == (80, 2)
    assert isinstance(options["precomputed_knn"], tuple)
    first = np.array(of) == 0
    apart = np.linalg.norm(places[first].mean(axis=0) - places[~first].mean(axis=0))
    assert apart > max(places[first].std(), places[~first].std())
