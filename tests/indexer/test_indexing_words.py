"""Whole runs over pictures with words beside them and pictures in archives: noticed, embedded once, left in peace."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

import photoseek
from photoseek import IndexOptions, IndexReport, Library
from photoseek.indexer import discover
from photoseek.library.catalog.catalog import Catalog
from photoseek.library.images import decompression
from photoseek.library.images.metadata.sidecars import state_of
from photoseek.tests.support.fakes import COLOURS, ColourEmbedder, paint
from photoseek.tests.support.packed import ARCHIVE_NAMES, pack
from photoseek.tests.support.packets import bag, xmp_packet


@dataclass
class World:
    """A folder of photographs and a library indexed by the colours' embedder."""

    photos: Path
    embedder: ColourEmbedder
    library: Library
    _dates_ns: Iterator[int] = field(default_factory=lambda: count(10**18, 10**9))

    def write(self, name: str, words: str) -> Path:
        """Write a file with a date no other has: file systems' clocks may be coarse."""
        (self.photos / name).write_text(words)
        return self.touch(self.photos / name)

    def touch(self, path: Path) -> Path:
        date_ns = next(self._dates_ns)
        os.utime(path, ns=(date_ns, date_ns))
        return path

    def index(self, *paths: Path, options: IndexOptions | None = None) -> IndexReport:
        return self.library.index(paths or [self.photos], options)

    @property
    def catalog(self) -> Catalog:
        return self.library._handle.store.catalog

    def told(self) -> dict[str, list[str]]:
        """Texts by the names of the images that have some."""
        rows = self.catalog.planning.known_files(str(self.photos), 1)
        names = {row.image_id: os.path.relpath(row.path, self.photos) for row in rows}
        return {names[i]: [text.body for text in texts] for i, texts in self.catalog.texts.of(list(names)).items()}

    def answers(self, text: str) -> list[str]:
        return sorted(
            os.path.relpath(hit.image.path, self.photos) for hit in self.library.search(text) if hit.score > 0.999
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    embedder = ColourEmbedder()
    photos = tmp_path / "photos"
    photos.mkdir()
    return World(photos, embedder, photoseek.open(tmp_path / "library", model=embedder))


def png(colour: str, size: tuple[int, int] = (12, 10)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, COLOURS[colour]).save(data, "PNG")
    return data.getvalue()


def shard(*colours: str) -> dict[str, bytes]:
    """What img2dataset writes: pictures numbered, with captions and metadata under the same stems."""
    discover: dict[str, bytes] = {}
    for number, colour in enumerate(colours):
        discover[f"{number:05d}.png"] = png(colour, (12 + number, 10))
        discover[f"{number:05d}.txt"] = f"a {colour} thing".encode()
        discover[f"{number:05d}.json"] = json.dumps({"caption": f"a {colour} thing", "key": f"{number:05d}"}).encode()
    return discover


def test_a_caption_is_kept_and_its_vector_with_it(world: World) -> None:
    paint(world.photos / "red.png", "red")
    world.write("red.txt", "a green dog")
    assert world.index() == IndexReport(new=1, embedded=1)
    assert world.told() == {"red.png": ["a green dog"]}
    [chunk] = world.catalog.texts.chunks(1, 3)
    assert chunk.vectors.tolist() == [[0.0, 1.0, 0.0]]


def test_an_edited_caption_is_noticed_without_embedding_the_picture_again(world: World) -> None:
    paint(world.photos / "red.png", "red")
    world.write("red.txt", "a green dog")
    world.index()
    world.write("red.txt", "a blue dog")
    assert world.index() == IndexReport(touched=1)
    assert world.told() == {"red.png": ["a blue dog"]}
    (world.photos / "red.txt").unlink()
    assert world.index() == IndexReport(touched=1)
    assert world.told() == {}
    world.write("red.png.txt", "red")
    assert world.index() == IndexReport(touched=1)
    assert world.index() == IndexReport(unchanged=1)
    assert world.embedder.images_embedded == 1


def test_a_rating_beside_the_picture_goes_before_the_one_inside(world: World) -> None:
    (world.photos / "red.jpg").write_bytes(b"")
    Image.new("RGB", (9, 9), "red").save(world.photos / "red.jpg", xmp=xmp_packet('xmp:Rating="1"'))
    (world.photos / "red.xmp").write_bytes(xmp_packet('xmp:Rating="5"', bag("dc:subject", "red")))
    world.index()
    [hit] = world.library.search("red")
    assert hit.image.rating == 5
    (world.photos / "red.xmp").write_bytes(xmp_packet('xmp:Rating="2"'))
    world.touch(world.photos / "red.xmp")
    assert world.index() == IndexReport(touched=1)
    assert world.library.search("red")[0].image.rating == 2


def test_a_moved_picture_keeps_its_words_and_a_copy_has_those_inside(world: World) -> None:
    Image.new("RGB", (9, 9), "red").save(world.photos / "a.jpg", xmp=xmp_packet("", bag("dc:subject", "green")))
    world.write("a.txt", "blue")
    world.index()
    (world.photos / "in").mkdir()
    for name in ("a.jpg", "a.txt"):
        (world.photos / name).rename(world.photos / "in" / name)
    assert world.index() == IndexReport(moved=1)
    assert world.told() == {"in/a.jpg": ["blue", "green"]}
    shutil.copy(world.photos / "in" / "a.jpg", world.photos / "copy.jpg")
    assert world.index() == IndexReport(new=1, unchanged=1)
    assert world.told() == {"in/a.jpg": ["blue", "green"], "copy.jpg": ["green"]}
    assert world.embedder.images_embedded == 1


def test_facts_of_the_picture_reach_the_answers(world: World) -> None:
    paint(world.photos / "red.png", "red", (300, 200))
    world.index()
    [hit] = world.library.search("red")
    assert (hit.image.colours, hit.image.perceptual_hash, hit.image.warning) == ("red", 0, None)


def test_a_kept_but_truncated_picture_carries_its_warning(world: World) -> None:
    data = io.BytesIO()
    Image.effect_noise((200, 200), 80).convert("RGB").save(data, "JPEG")
    (world.photos / "cut.jpg").write_bytes(data.getvalue()[:-200])
    assert world.index() == IndexReport(new=1, embedded=1)
    [hit] = world.library.search("red")
    assert (hit.image.warning or "").startswith("truncated: 9")


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_a_shard_is_indexed_with_its_captions(world: World, name: str) -> None:
    pack(world.photos / name, shard("red", "green", "blue"))
    assert world.index() == IndexReport(new=3, embedded=3)
    assert world.answers("green") == [f"{name}!/00001.png"]
    assert world.told()[f"{name}!/00001.png"] == ["a green thing"]
    [hit] = [hit for hit in world.library.search("green") if hit.score > 0.999]
    assert world.library.search(like=hit.image.path)[0].image.path == hit.image.path


def test_an_unchanged_archive_is_only_looked_at(world: World) -> None:
    path = pack(world.photos / "in" / "shard.tar", shard("red", "green"))
    paint(world.photos / "blue.png", "blue")
    world.index()
    opened: list[str] = []
    # Audit hooks cannot be removed again, so this one is told by a flag to stop listening.
    listening = True
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if listening and event == "open" else None)
    assert world.index() == IndexReport(unchanged=3)
    listening = False
    assert [name for name in opened if name.startswith(str(world.photos))] == []
    world.touch(path)
    assert world.index() == IndexReport(touched=2, unchanged=1)
    assert world.index() == IndexReport(unchanged=3)
    assert world.embedder.images_embedded == 3


def test_members_come_change_move_and_go_with_their_archive(world: World) -> None:
    path = pack(world.photos / "shard.zip", shard("red", "green"))
    world.index()
    world.touch(pack(path, shard("red", "blue", "green")))
    report = world.index()
    assert (report.new + report.moved, report.changed, report.touched) == (1, 1, 1)
    assert world.answers("blue") == ["shard.zip!/00001.png"]
    path.rename(world.photos / "other.zip")
    assert world.index() == IndexReport(moved=3)
    assert world.answers("blue") == ["other.zip!/00001.png"]
    (world.photos / "other.zip").unlink()
    paint(world.photos / "red.png", "red", (50, 50))
    assert world.index() == IndexReport(new=1, missing=3, embedded=1)
    assert world.answers("blue") == []


def test_an_archive_whose_indexing_was_stopped_is_taken_up_again(world: World) -> None:
    pack(world.photos / "shard.zip", shard(*["red", "green", "blue"] * 4))
    stop_after = iter([False] * 30 + [True] * 1000)
    first = world.index(options=IndexOptions(batch_size=2, workers=1, stop=lambda: next(stop_after)))
    assert first.interrupted
    assert 0 < first.new < 12
    second = world.index()
    assert (second.new, second.unchanged) == (12 - first.new, first.new)
    assert world.index() == IndexReport(unchanged=12)


def test_an_archive_given_by_name_is_indexed(world: World) -> None:
    path = pack(world.photos / "shard.zip", shard("red"))
    pack(world.photos / "other.zip", shard("green"))
    assert world.index(path) == IndexReport(new=1, embedded=1)
    assert world.index(path) == IndexReport(unchanged=1)
    assert world.index() == IndexReport(new=1, unchanged=1, embedded=1)


def test_what_is_wrong_in_an_archive_is_told_and_the_rest_is_there(world: World) -> None:
    pack(world.photos / "shard.tar", shard("red") | {"bad.jpg": b"not a picture", ".hidden/x.png": png("blue")})
    (world.photos / "broken.zip").write_bytes(b"no archive")
    assert world.index() == IndexReport(new=1, failed=2, embedded=1)
    failures = {os.path.relpath(f.path, world.photos): f.stage for f in world.library.failures()}
    assert failures == {"shard.tar!/bad.jpg": "decode", "broken.zip!": "discover"}
    again = world.index()
    assert again == IndexReport(unchanged=1, still_failing=2)
    assert world.index(options=IndexOptions(retry_failed=True)) == IndexReport(unchanged=1, failed=2)
    pack(world.photos / "broken.zip", shard("green"))
    assert world.index().new == 1
    assert [os.path.relpath(f.path, world.photos) for f in world.library.failures()] == ["shard.tar!/bad.jpg"]


def test_a_damaged_archive_takes_no_known_image_away(world: World) -> None:
    path = pack(world.photos / "shard.zip", shard("red", "green"))
    world.index()
    path.write_bytes(path.read_bytes()[:100])
    world.touch(path)
    assert world.index() == IndexReport(failed=1)
    assert world.answers("green") == ["shard.zip!/00001.png"]
    assert world.index() == IndexReport(still_failing=1)


def test_a_damaged_archive_is_read_as_far_as_it_goes_and_not_opened_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(world.photos / "shard.tar", shard("red") | {"end.jpg": bytes(100_000)})
    path.write_bytes(path.read_bytes()[:-60_000])
    assert world.index() == IndexReport(new=1, failed=2, embedded=1)
    monkeypatch.setattr(discover, "open_archive", lambda _path: pytest.fail("it was opened again"))
    assert world.index() == IndexReport(unchanged=1, still_failing=2)
    monkeypatch.undo()
    assert world.index(options=IndexOptions(retry_failed=True)) == IndexReport(unchanged=1, failed=2)
    world.touch(pack(path, shard("red", "green")))
    assert world.index().failed == 0
    assert world.library.failures() == []


@pytest.mark.parametrize("name", ["shard.tar.gz", "shard.tar.xz"])
def test_a_compressed_archive_is_unpacked_once_to_list_and_once_to_read(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[decompression.DecompressedStream] = []
    again = decompression.DecompressedStream._start_again

    def start_again(stream: decompression.DecompressedStream) -> None:
        begun.append(stream)
        again(stream)

    monkeypatch.setattr(decompression.DecompressedStream, "_start_again", start_again)
    colours = ["red", "green", "blue"] * 20
    pictures = list(shard(*colours).items())
    random.Random(5).shuffle(pictures)  # as a folder's files lie in what tar makes of it
    pack(world.photos / name, dict(pictures))
    assert world.index(options=IndexOptions(workers=2)).new == 60
    # Two streams are opened, and that for decoding may have been overtaken by that for hashing; no more than these.
    assert len(begun) <= 3


def test_archives_files_and_folders_of_like_names_keep_the_order(world: World) -> None:
    for name in ("a.zip", "a.zip.zip", "a", "b.tar"):
        pack(world.photos / name if name != "a" else world.photos / "a.zip0.tar", shard("red", "green"))
    for name in ("a.zip!.png", "a.zip .png", "a.zip0.png", "a/1.png", "a.zip-/1.png", "b.tar!/1.png"):
        paint(world.photos / name, "blue", (30 + len(name), 20))
    first = world.index()
    assert (first.new, first.failed) == (12, 0)
    assert world.index() == IndexReport(unchanged=12)


# Sidecars behind links

CAPTIONS = {
    ".txt": "a secret",
    ".json": json.dumps({"caption": "a secret", "keywords": ["secret"]}),
    ".xmp": xmp_packet(elements=bag("dc:subject", "a secret")).decode(),
}


@pytest.mark.parametrize("end", CAPTIONS)
@pytest.mark.parametrize("name", ["red", "red.png"])
def test_a_sidecar_that_leads_out_of_the_folder_is_not_followed(
    world: World, tmp_path: Path, end: str, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"secret{end}").write_text(CAPTIONS[end])
    paint(world.photos / "red.png", "red")
    (world.photos / f"{name}{end}").symlink_to(outside / f"secret{end}")
    world.index()
    assert world.told() == {}
    # A link that leads on to a link, and one by a folder above.
    (outside / "again").symlink_to(outside / f"secret{end}")
    for detour in (outside / "again", Path("../outside") / f"secret{end}"):
        (world.photos / f"{name}{end}").unlink()
        (world.photos / f"{name}{end}").symlink_to(detour)
        world.index()
        assert world.told() == {}
    # The picture alone, by its name.
    world.library.remove(world.photos)
    world.index(world.photos / "red.png")
    assert world.told() == {}
    assert "secret" not in str(world.library.texts.search(world.photos / "red.png"))


@pytest.mark.parametrize("end", CAPTIONS)
def test_a_sidecar_in_a_linked_folder_outside_is_not_followed(world: World, tmp_path: Path, end: str) -> None:
    outside = tmp_path / "outside"
    paint(outside / "red.png", "red")
    (outside / f"red{end}").write_text(CAPTIONS[end])
    world.photos.mkdir(exist_ok=True)
    (world.photos / "linked").symlink_to(outside)
    world.index()
    assert [hit.image.path.name for hit in world.library.search("red")] == ["red.png"]  # links to pictures are followed
    assert world.told() == {}


def test_a_sidecar_swapped_for_a_link_after_it_was_found_is_not_followed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(world.photos / "red.png", "red")
    caption = world.write("red.txt", "a caption")
    (tmp_path / "secret.txt").write_text("a secret!")

    def swapping(name: str, sidecars: Mapping[str, list[str]], look: Callable[[str], tuple[int, int] | None]) -> str:
        state = state_of(name, sidecars, look)
        caption.unlink()
        caption.symlink_to(tmp_path / "secret.txt")
        return state

    monkeypatch.setattr("photoseek.indexer.discover.state_of", swapping)
    world.index()
    assert world.told() == {}


def test_words_read_through_such_a_link_before_are_forgotten(world: World, tmp_path: Path) -> None:
    paint(world.photos / "red.png", "red")
    world.write("red.txt", "a caption")
    world.index()
    assert world.told() == {"red.png": ["a caption"]}
    (tmp_path / "elsewhere.txt").write_text("a caption")
    (world.photos / "red.txt").unlink()
    (world.photos / "red.txt").symlink_to(tmp_path / "elsewhere.txt")
    world.index()
    assert world.told() == {}


def test_a_link_within_the_folder_is_followed_from_wherever_it_is_indexed(world: World, tmp_path: Path) -> None:
    paint(world.photos / "pictures" / "red.png", "red")
    (world.photos / "words").mkdir()
    (world.photos / "words" / "red.txt").write_text("a caption")
    (world.photos / "pictures" / "red.txt").symlink_to("../words/red.txt")
    (tmp_path / "alias").symlink_to(world.photos)
    world.index()
    assert world.told() == {"pictures/red.png": ["a caption"]}
    # A watch looks at a part of the folder only.
    world.library._indexing.sync(
        [str(world.photos / "pictures")], IndexOptions(prune=True, within=str(world.photos)), "watch"
    )
    assert world.told() == {"pictures/red.png": ["a caption"]}
    world.library.remove(world.photos)
    world.index(tmp_path / "alias")
    [hit] = world.library.search("red")
    assert [text.body for text in world.library.texts.of([hit.image])[hit.image.id]] == ["a caption"]
