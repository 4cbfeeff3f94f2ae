"""Whatever is no picture is refused in plain words, at little cost; what is nearly whole is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.decoding import DecodedImage, DecodeLimits, decode
from photoseek.tests.support.hostile import (
    BAD_FILES,
    SEEDS,
    bad_files,
    encoded,
    gigapixel_jpeg,
    landscape,
    mutated,
    overlapping_tags,
    png_of,
    write_bad,
    write_good,
)
from photoseek.tests.support.pictures import UPRIGHT, drawing_of, picture

BAD = {name: data for name, (_, data) in bad_files(seed=0).items()}


@pytest.mark.parametrize(("kind", "rows"), [("JPEG", 0.93), ("PNG", 0.93), ("PPM", 0.93)])
def test_a_picture_nearly_whole_is_kept_with_a_warning(kind: str, rows: float) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (400, 200, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    decoded = decode(data[: int(len(data) * rows)], "p")
    assert decoded.warning is not None
    assert "% of the picture is there" in decoded.warning
    whole = np.asarray(decode(data, "p").image)
    assert np.array_equal(np.asarray(decoded.image)[:350], whole[:350])
    with pytest.raises(ImageUnreadable, match=r"truncated: [78]\d% of the picture"):
        decode(data[: int(len(data) * 0.8)], "p")


def test_a_truncated_jpeg_is_kept_when_drafted_too() -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (800, 800, 3), dtype=np.uint8))
    data = encoded(noise, "JPEG")
    decoded = decode(data[: int(len(data) * 0.95)], "p", min_side_px=200)
    assert decoded.image.size == (200, 200)
    assert decoded.warning is not None


def test_a_jpeg_without_its_end_marker_is_whole() -> None:
    data = encoded(picture(UPRIGHT, 16), "JPEG", quality=95, subsampling=0)[:-2]
    decoded = decode(data, "p")
    assert drawing_of(decoded.image, 16) == UPRIGHT
    assert decoded.warning == "truncated: 100% of the picture is there"


def test_a_progressive_jpeg_lacking_its_finest_detail_is_kept() -> None:
    image = landscape(np.random.default_rng(5), 400, 300)
    data = encoded(image, "JPEG", progressive=True, quality=90)
    decoded = decode(data[: int(len(data) * 0.97)], "p")
    assert decoded.warning == "truncated: fine detail is missing"
    assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(image)).mean() < 4
    with pytest.raises(ImageUnreadable, match="progressive"):
        decode(data[: len(data) // 3], "p")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", BAD)
def test_every_bad_file_is_refused_with_a_reason(name: str) -> None:
    data = BAD[name]
    with pytest.raises(ImageUnreadable) as refused:
        decode(data, name, min_side_px=64)
    assert refused.value.path == name
    assert 8 < len(refused.value.reason) < 160
    assert refused.value.reason.isprintable()


def test_the_folders_hold_what_they_promise(tmp_path: Path) -> None:
    why = write_bad(tmp_path / "bad", seed=4)
    contents = {path.read_bytes() for path in (tmp_path / "bad").iterdir()}
    assert len(why) == len(contents) == BAD_FILES
    good = write_good(tmp_path / "good", 36, seed=4)
    assert len({path.read_bytes() for path in good}) == 36
    assert all(decode(path.read_bytes(), path.name).warning is None for path in good)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello\n", "is a text file"),
        ("Grüße".encode() * 1000, "is a text file"),
        (b"<html>", "is a web page"),
        (bytes(100), "holds nothing but zeros"),
        (b"\x01\x02\x03\xff", "not an image photoseek knows"),
        (png_of(60_000, 60_000, b""), "3.6 gigapixels is over the limit of 512 megapixels"),
    ],
)
def test_reasons_are_plain_words(data: bytes, reason: str) -> None:
    with pytest.raises(ImageUnreadable) as refused:
        decode(data, "p")
    assert refused.value.reason == reason


def test_overlapping_tags_are_refused_before_a_decoder_copies_them() -> None:
    many = overlapping_tags(60_000)
    segment = 65_000
    segments = (b"Exif\0\0" + many[start : start + segment] for start in range(0, len(many), segment))
    jpeg = encoded(picture("RG", 8), "JPEG")
    tagged = b"".join(b"\xff\xe1" + (len(part) + 2).to_bytes(2, "big") + part for part in segments)
    for data in (many, jpeg[:2] + tagged + jpeg[2:]):
        with pytest.raises(ImageUnreadable, match="its tags claim many times the data"):
            decode(data, "p")


def test_heic_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageUnreadable, match=r"photoseek\[heif\]"):
        decode(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100), "p.heic")


GROWTH = """
import resource, sys
from pathlib import Path
from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.srgb import to_srgb
from photoseek.library.images.decoding import decode

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

folder = Path(sys.argv[1])
decode((folder / "warm_up.jpg").read_bytes(), "warm_up", min_side_px=64)
before = peak_mib()
for path in sorted(folder.glob("*.*")):
    try:
        decode(path.read_bytes(), path.name, min_side_px=224)
    except ImageUnreadable:
        pass
print(peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux reports it, in KiB")
def test_memory_stays_bounded_whatever_the_files_claim(tmp_path: Path) -> None:
    write_bad(tmp_path, seed=1)
    (tmp_path / "warm_up.jpg").write_bytes(encoded(picture(UPRIGHT, 64), "JPEG"))
    (tmp_path / "panorama.jpg").write_bytes(gigapixel_jpeg(22_000, 22_000))
    (tmp_path / "too_large.jpg").write_bytes(gigapixel_jpeg(32_000, 32_000))
    run = subprocess.run([sys.executable, "-c", GROWTH, str(tmp_path)], capture_output=True, text=True, check=True)
    # Decoded whole, the panorama alone takes 460 MiB; the overlapping tags would take 20 GiB.
    assert int(run.stdout) < 120


SMALL = {kind: make(landscape(np.random.default_rng(7), 40, 24)) for kind, make in SEEDS}
PLACES = st.integers(0, 1 << 16) | st.integers(0, 64)
EDITS = st.lists(st.tuples(PLACES, st.sampled_from((0, 1, 127, 128, 255)) | st.integers(0, 255)), max_size=12)


def read_or_refused(data: bytes, min_side_px: int | None) -> DecodedImage | str:
    """The picture, or the reason; any other exception fails the test."""
    limits = DecodeLimits(max_pixels=1 << 22, max_decoded_pixels=1 << 22)
    try:
        return decode(data, "p", limits=limits, min_side_px=min_side_px)
    except ImageUnreadable as refused:
        return refused.reason


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", SMALL)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(edits=EDITS, keep=st.just(256) | st.integers(1, 256), min_side_px=st.sampled_from((None, 8)))
def test_spoiled_files_are_read_or_refused(
    kind: str, edits: list[tuple[int, int]], keep: int, min_side_px: int | None
) -> None:
    outcome = read_or_refused(mutated(SMALL[kind], edits, keep), min_side_px)
    if isinstance(outcome, DecodedImage):
        assert outcome.image.mode == "RGB"
        assert outcome.width * outcome.height <= 1 << 22
        assert min(outcome.image.size) > 0
    else:
        assert outcome.isprintable()


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(data=st.binary(max_size=300), head=st.sampled_from([data[:12] for data in SMALL.values()]))
@settings(deadline=None, derandomize=True)
def test_noise_behind_a_signature_is_read_or_refused(data: bytes, head: bytes) -> None:
    outcome = read_or_refused(head + data, None)
    assert outcome.image.mode == "RGB" if isinstance(outcome, DecodedImage) else outcome.isprintable()
