"""Every format is shown as its makers mean it: first frames and pages, deep samples, and a RAW file's own preview."""

from __future__ import annotations

import sys
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.decoding import DecodedImage, DecodeLimits, decode
from photoseek.library.images.formats import RAW_SUFFIXES
from photoseek.tests.support.hostile import encoded
from photoseek.tests.support.packets import xmp_packet
from photoseek.tests.support.pictures import UPRIGHT, drawing_of, picture
from photoseek.tests.support.raws import dng

PREVIEW = encoded(picture(UPRIGHT, 16), "JPEG", quality=95, subsampling=0)


def reason(data: bytes, path: str = "p", limits: DecodeLimits | None = None) -> str:
    with pytest.raises(ImageUnreadable) as caught:
        decode(data, path, limits=limits or DecodeLimits())
    return caught.value.reason


def colour_of(decoded: DecodedImage) -> tuple[int, int, int]:
    """The mean colour, rounded to tens."""
    red, green, blue = np.asarray(decoded.image).reshape(-1, 3).mean(axis=0).round(-1).astype(int)
    return int(red), int(green), int(blue)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_first_of_many_frames_is_shown(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    red, green, blue = colour_of(decode(data, "p"))
    assert (red >= 240, green <= 10, blue <= 10) == (True, True, True)


@pytest.mark.parametrize("kind", ["JPEG2000", "AVIF"])
def test_the_newer_formats_are_read(kind: str) -> None:
    decoded = decode(encoded(picture(UPRIGHT, 16), kind, quality_layers=[1] if kind == "JPEG2000" else None), "p")
    assert (decoded.format, drawing_of(decoded.image, 16)) == (kind, UPRIGHT)


def test_heic_is_read_with_its_turn_and_its_words() -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Acme"
    heif.register_heif_opener()
    data = encoded(picture(UPRIGHT, 16), "HEIF", quality=95, exif=exif.tobytes(), xmp=xmp_packet('xmp:Rating="3"'))
    decoded = decode(data, "p.heic")
    assert (decoded.format, decoded.width, decoded.height) == ("HEIF", 48, 32)
    assert (decoded.metadata.camera, decoded.metadata.rating) == ("Acme", 3)
    # Turned by 90 degrees clockwise, once: columns become rows from the right.
    assert drawing_of(decoded.image, 16) == "KBR/YWG"


def test_sixteen_bit_pages_are_scaled_and_the_first_is_shown() -> None:
    pages = [Image.fromarray(np.full((8, 8), value, np.uint16)) for value in (65_535, 0)]
    decoded = decode(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "p")
    assert np.asarray(decoded.image).min() == 255


@pytest.mark.parametrize(("orientation", "size", "shown"), [(1, (96, 64), UPRIGHT), (6, (64, 96), "KBR/YWG")])
def test_a_raw_file_is_shown_by_its_preview_not_its_thumbnail(
    orientation: int, size: tuple[int, int], shown: str
) -> None:
    pytest.importorskip("rawpy")
    decoded = decode(dng(PREVIEW, orientation=orientation), "p")
    assert (decoded.format, decoded.width, decoded.height) == ("RAW", *size)
    assert drawing_of(decoded.image, 16) == shown
    metadata = decoded.metadata
    assert (metadata.camera, metadata.orientation) == ("Acme Raw One", orientation)
    assert metadata.taken_at == datetime(2024, 5, 6, 7, 8, 9)


def test_a_preview_that_says_how_it_lies_is_turned_once() -> None:
    pytest.importorskip("rawpy")
    exif = Image.Exif()
    exif[0x0112] = 6
    preview = encoded(picture(UPRIGHT, 16), "JPEG", quality=95, subsampling=0, exif=exif.tobytes())
    assert drawing_of(decode(dng(preview, orientation=6), "p").image, 16) == "KBR/YWG"


@pytest.mark.parametrize("preview", [None, encoded(Image.new("RGB", (12, 8), "red"), "JPEG")])
def test_without_a_preview_worth_it_the_sensor_is_developed(preview: bytes | None) -> None:
    pytest.importorskip("rawpy")
    decoded = decode(dng(preview), "p.dng")
    assert (decoded.image.size, decoded.width, decoded.height) == ((48, 32), 96, 64)
    red, green, blue = colour_of(decoded)
    assert red == green == blue
    small = DecodeLimits(max_decoded_pixels=96 * 64 - 1)
    assert reason(dng(preview), "p.dng", small) == "96 x 64 pixels without a large preview are over the limit"


def test_raw_files_that_begin_as_tiffs_do_are_told_by_their_names() -> None:
    pytest.importorskip("rawpy")
    nameless = dng(PREVIEW, version=False)
    assert decode(nameless, "p.NEF").format == "RAW"
    assert decode(encoded(picture(UPRIGHT), "TIFF"), "p.tif").format == "TIFF"
    assert decode(encoded(picture(UPRIGHT), "JPEG"), "p.nef").format == "JPEG"


@pytest.mark.parametrize("suffix", sorted(RAW_SUFFIXES))
def test_without_rawpy_the_reason_names_the_extra(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    assert "pip install 'photoseek[raw]'" in reason(dng(PREVIEW, version=False), f"p{suffix}")


@pytest.mark.parametrize(
    "head",
    [b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x18ftypcrx \0\0\0\1", b"IIRO\x08\0\0\0", b"MMOR\0\0\0\x08", b"IIU\0\x18\0\0\0"],
)
def test_other_kinds_are_told_by_their_first_bytes(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    assert reason(head + bytes(100)).startswith("damaged")
    monkeypatch.setitem(sys.modules, "rawpy", None)
    assert "photoseek[raw]" in reason(head + bytes(100))
