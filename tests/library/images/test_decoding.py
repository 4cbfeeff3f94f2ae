"""Every picture comes out upright, at a useful size, with the facts of its file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.decoding import DecodeLimits, decode
from photoseek.tests.support.hostile import SEEDS, encoded, gigapixel_jpeg, landscape
from photoseek.tests.support.pictures import UPRIGHT, drawing_of, picture
from photoseek.tests.support.profiles import swapped_rgb

STORED = {
    1: "RG/BW/KY",
    2: "GR/WB/YK",
    3: "YK/WB/GR",
    4: "KY/BW/RG",
    5: "RBK/GWY",
    6: "GWY/RBK",
    7: "YWG/KBR",
    8: "KBR/YWG",
}
"""How the picture `UPRIGHT` lies in the file, by EXIF orientation: from the standard's words on row 0 and column 0."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_every_orientation_comes_out_upright(orientation: int, kind: str, options: dict[str, object]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(picture(STORED[orientation]), kind, exif=exif.tobytes(), **options), "p")
    assert drawing_of(decoded.image) == UPRIGHT
    assert (decoded.width, decoded.height, decoded.metadata.orientation) == (2, 3, orientation)


@pytest.mark.parametrize("min_side_px", [None, 32])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_jpeg_comes_out_upright(orientation: int, min_side_px: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(STORED[orientation], 32), "JPEG", exif=exif.tobytes(), quality=95, subsampling=0)
    decoded = decode(data, "p", min_side_px=min_side_px)
    assert drawing_of(decoded.image, 16 if min_side_px else 32) == UPRIGHT
    assert (decoded.width, decoded.height, decoded.metadata.orientation) == (64, 96, orientation)


def test_facts_of_the_file_are_read() -> None:
    decoded = decode(dict(SEEDS)["JPEG"](picture(UPRIGHT, 8)), "p")
    assert decoded.format == "JPEG"
    assert decoded.metadata.taken_at == datetime(2024, 5, 6, 7, 8, 9)
    assert decoded.metadata.camera == "Acme One"
    assert (decoded.metadata.latitude, decoded.metadata.longitude) == (48.5, 9.0)
    assert decoded.warning is None


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})])
def test_the_first_frame_or_page_is_taken(kind: str, options: dict[str, object]) -> None:
    data = encoded(picture("RG"), kind, save_all=True, append_images=[picture("BW"), picture("KY")], **options)
    assert drawing_of(decode(data, "p").image) == "RG"


def test_the_suffix_has_no_say() -> None:
    assert decode(encoded(picture("RG"), "PNG"), "holiday.jpg").format == "PNG"


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "I;16", {}),
        ("WEBP", "RGB", {}),
        ("TIFF", "CMYK", {}),
    ],
)
@pytest.mark.parametrize("min_side_px", [1, 50, 224, 700, 5000])
def test_the_shorter_side_never_falls_below_what_was_asked(
    kind: str, mode: str, options: dict[str, object], min_side_px: int
) -> None:
    flat = Image.new("RGB", (903, 701), (200, 200, 200))
    deep = Image.fromarray(np.full((701, 903), 200 * 257, dtype=np.uint16))
    image = deep if mode == "I;16" else flat.quantize(2) if mode == "P" else flat.convert(mode)
    decoded = decode(encoded(image, kind, **options), "p", min_side_px=min_side_px)
    assert (decoded.width, decoded.height) == (903, 701)
    assert min(min_side_px, 701) <= min(decoded.image.size) <= max(2 * min_side_px, 2)
    assert np.abs(np.asarray(decoded.image).astype(int) - 200).max() <= 2
    height = decoded.image.height
    assert abs(decoded.image.width - height * 903 / 701) <= 1


def test_reduction_averages_the_whole_picture_across_strips() -> None:
    tall = np.zeros((6000, 1000), dtype=np.uint8)
    tall[::2] = 200
    tall[:, 500:] = 90
    reduced = np.asarray(decode(encoded(Image.fromarray(tall), "PNG"), "p", min_side_px=100).image)
    assert reduced.shape == (600, 100, 3)
    assert (reduced[:, :50] == 100).all()
    assert (reduced[:, 50:] == 90).all()


def test_limits_are_obeyed() -> None:
    png = encoded(picture(UPRIGHT, 10), "PNG")
    with pytest.raises(ImageUnreadable, match="600 pixels is over the limit of 599 pixels"):
        decode(png, "p", limits=DecodeLimits(max_pixels=599))
    with pytest.raises(ImageUnreadable, match="bytes is over the limit of 10 bytes"):
        decode(png, "p", limits=DecodeLimits(max_bytes=10))
    with pytest.raises(ImageUnreadable, match="can't be shrunk while decoding"):
        decode(png, "p", limits=DecodeLimits(max_decoded_pixels=599))
    with pytest.raises(ValueError, match="min_side_px"):
        decode(png, "p", min_side_px=0)


def test_a_jpeg_too_large_to_hold_is_drafted() -> None:
    data = encoded(picture(UPRIGHT, 32), "JPEG", quality=95)
    decoded = decode(data, "p", limits=DecodeLimits(max_decoded_pixels=2000))
    assert (decoded.width, decoded.height) == (64, 96)
    assert decoded.image.size == (32, 48)
    progressive = encoded(picture(UPRIGHT, 32), "JPEG", progressive=True)
    with pytest.raises(ImageUnreadable, match="can't be shrunk"):
        decode(progressive, "p", limits=DecodeLimits(max_decoded_pixels=2000))


def test_a_panorama_of_half_a_gigapixel_is_read() -> None:
    decoded = decode(gigapixel_jpeg(22_000, 22_000), "p", min_side_px=224)
    assert (decoded.width, decoded.height) == (22_000, 22_000)
    assert 224 <= min(decoded.image.size) < 448
    assert np.abs(np.asarray(decoded.image).astype(int) - 200).max() <= 1


def test_threads_see_the_same_pictures() -> None:
    image = landscape(np.random.default_rng(9), 64, 48)
    files = [make(image) for _, make in SEEDS] + [encoded(image, "PNG", icc_profile=swapped_rgb())]
    expected = [decode(data, "p").image.tobytes() for data in files]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            assert [done.image.tobytes() for done in threads.map(lambda data: decode(data, "p"), files)] == expected
