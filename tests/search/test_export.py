"""Export: what other programs read, written whole or not at all, and safe whatever files are called."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photoseek
from photoseek.library.files import whole_file
from photoseek.library.settings import Graphics, terminal_graphics
from photoseek.search.export import draw_sheet, write_csv, write_html, write_sheet
from photoseek.search.thumbnails import inline_image, sixel
from photoseek.tests.support.fakes import ColourEmbedder, paint

EVIL = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture
def library(tmp_path: Path) -> photoseek.Library:
    for name, colour in {"red.png": "red", "blue.png": "blue", EVIL: "green"}.items():
        paint(tmp_path / "photos" / name, colour)
    library = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    library.index(tmp_path / "photos")
    return library


def test_npy_and_json_lines_hold_the_same_rows(tmp_path: Path, library: photoseek.Library) -> None:
    assert library.export_npy(tmp_path / "out" / "deep") == 3
    vectors = np.load(tmp_path / "out/deep/vectors.npy")
    images = [json.loads(line) for line in (tmp_path / "out/deep/images.jsonl").read_text().splitlines()]
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, 3))
    by_name = {Path(image["path"]).name: vector for image, vector in zip(images, vectors, strict=True)}
    np.testing.assert_allclose(by_name["red.png"], [1, 0, 0], atol=0.01)
    np.testing.assert_allclose(by_name["blue.png"], [0, 0, 1], atol=0.01)
    assert {image["format"] for image in images} == {"PNG", "JPEG"}
    assert sorted(path.name for path in (tmp_path / "out/deep").iterdir()) == ["images.jsonl", "vectors.npy"]


def test_parquet_holds_every_field_and_the_vectors(tmp_path: Path, library: photoseek.Library) -> None:
    import pyarrow.parquet as pq

    assert library.export_parquet(tmp_path / "all.parquet") == 3
    table = pq.read_table(tmp_path / "all.parquet")
    assert set(table.column_names) == {*photoseek.ImageRecord.__slots__, "vector"}
    rows = {Path(row["path"]).name: row for row in table.to_pylist()}
    assert rows["red.png"]["vector"] == pytest.approx([1, 0, 0], abs=0.01)
    assert rows[EVIL]["width"] == 12
    assert table.schema.metadata[b"photoseek.model"] == b"colours@1"


def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, library: photoseek.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(photoseek.ExportFailed, match=r"pip install 'photoseek\[parquet\]'"):
        library.export_parquet(tmp_path / "all.parquet")


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path, library: photoseek.Library) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(photoseek.ExportFailed, match="cannot export to"):
        library.export_npy(tmp_path / "file")
    with pytest.raises(photoseek.ExportFailed, match="No such file"):
        library.export_parquet(tmp_path / "nowhere" / "all.parquet")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("before")
    with pytest.raises(photoseek.ExportFailed, match="No space left"):
        _fill_the_disk(file)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def _fill_the_disk(file: Path) -> None:
    with whole_file(file) as stream:
        stream.write(b"half")
        raise OSError(28, "No space left on device")


def test_csv_has_a_row_for_each_hit_and_no_formula(tmp_path: Path, library: photoseek.Library) -> None:
    hits = library.search("green")
    write_csv(hits, tmp_path / "hits.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "hits.csv").read_text())))
    assert [row["path"] for row in rows] == [str(hit.image.path) for hit in hits]
    assert float(rows[0]["score"]) == pytest.approx(hits[0].score, abs=1e-5)
    tricked = photoseek.Hit(photoseek.ImageRecord(1, Path("=1+1"), 1, 1, "", 1, 1, "PNG", 1, camera="@SUM(1)"), 1.0)
    write_csv([tricked], tmp_path / "hits.csv", replace=True)
    [row] = csv.DictReader(io.StringIO((tmp_path / "hits.csv").read_text()))
    assert (row["path"], row["camera"]) == ("'=1+1", "'@SUM(1)")


def test_an_empty_answer_is_a_table_of_no_rows_and_a_sheet_of_no_tiles(tmp_path: Path) -> None:
    write_csv([], tmp_path / "hits.csv")
    assert (tmp_path / "hits.csv").read_bytes() == b"score,id,path\r\n"
    write_html("nothing", [], tmp_path / "page.html")
    assert "<figure>" not in (tmp_path / "page.html").read_text()
    assert draw_sheet("nothing", []).width > 0


class Tags(HTMLParser):
    """Collects a page's tags and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_is_self_contained_and_a_hostile_name_stays_text(tmp_path: Path, library: photoseek.Library) -> None:
    write_html('"><script>alert(2)</script>', library.search("green"), tmp_path / "page.html")
    page = Tags((tmp_path / "page.html").read_text())
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(set(attributes) == {"src", "alt"} for attributes in images)
    assert EVIL in page.text
    assert '"><script>alert(2)</script>' in page.text
    source = images[0]["src"] or ""
    with Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/jpeg;base64,")))) as picture:
        assert np.asarray(picture.convert("RGB"))[5, 5, 1] > 120
    assert not re.search(r"https?://", (tmp_path / "page.html").read_text())


def test_a_sheet_shows_each_hit_and_a_cross_for_a_file_that_is_gone(tmp_path: Path, library: photoseek.Library) -> None:
    hits = library.search("red")
    (tmp_path / "photos/blue.png").unlink()
    write_sheet("red", hits, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 20) or []}
    assert (255, 0, 0) in colours
    assert (224, 224, 224) in colours
    assert (0, 0, 255) not in colours


def test_a_sheet_of_no_known_kind_is_refused_and_long_names_are_cut(tmp_path: Path) -> None:
    with pytest.raises(photoseek.ExportFailed, match=r"end it in \.jpg"):
        write_sheet("x", [], tmp_path / "sheet.txt")
    record = photoseek.ImageRecord(1, tmp_path / ("\udcff" + "long " * 40), 1, 1, "", 1, 1, "PNG", 1)
    assert draw_sheet("title " * 100, [photoseek.Hit(record, 0.5)]).width < 300


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, None),
    ],
)
def test_what_a_terminal_can_show_is_told_by_its_environment(
    environ: dict[str, str], expected: Graphics | None
) -> None:
    assert terminal_graphics(environ) == expected


def test_kitty_and_iterm2_get_the_picture_they_can_decode() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    chunks = re.findall(r"\x1b_G(.*?);(.*?)\x1b\\", inline_image(noise, "kitty"))
    assert [control for control, _ in chunks] == ["f=100,a=T,m=1", *["m=1"] * (len(chunks) - 2), "m=0"]
    assert all(len(data) <= 4096 for _, data in chunks)
    shown = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);.*?:(.*)\x07\n", inline_image(noise, "iterm2"))
    assert shown is not None
    assert int(shown[1]) == len(base64.b64decode(shown[2]))
    for data in ("".join(data for _, data in chunks), shown[2]):
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert np.array_equal(np.asarray(picture), np.asarray(noise))


def test_sixels_drawn_again_are_the_picture() -> None:
    image = Image.new("RGB", (20, 13), (255, 0, 0))
    image.paste((0, 0, 255), (5, 4, 15, 11))
    assert np.array_equal(drawn(sixel(image)), np.asarray(image))


def drawn(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Draw what a terminal would, of the commands that ours uses."""
    head = re.match(r'\x1bPq"1;1;(\d+);(\d+)', text)
    assert head is not None
    width, height = int(head[1]), int(head[2])
    canvas = np.zeros((height + 6, width, 3), dtype=np.uint8)
    palette: dict[int, list[int]] = {}
    x = top = 0
    colour = 0
    for define, choose, count, repeated, plain in re.findall(
        r"#(\d+;2;\d+;\d+;\d+)|#(\d+)|!(\d+)([?-~])|([?-~$-])", text[head.end() :].removesuffix("\x1b\\")
    ):
        if define:
            number, _, *levels = map(int, define.split(";"))
            palette[number] = [level * 255 // 100 for level in levels]
        elif choose:
            colour = int(choose)
        elif plain == "$":
            x = 0
        elif plain == "-":
            x, top = 0, top + 6
        else:
            end = x + int(count or 1)
            for bit in range(6):
                if ord(repeated or plain) - 63 >> bit & 1:
                    canvas[top + bit, x:end] = palette[colour]
            x = end
    return canvas[:height]
