"""EXIF, IPTC and XMP are brought together the same way from every format that carries them."""

from __future__ import annotations

import struct
from datetime import datetime
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from photoseek.library.images.decoding import decode
from photoseek.library.images.metadata.image_metadata import Metadata
from photoseek.library.images.metadata.image_text import ImageText
from photoseek.tests.support.hostile import encoded
from photoseek.tests.support.packets import alternatives, bag, iptc_block, photoshop_resources, xmp_packet

MAKE, ORIENTATION, DESCRIPTION, RATING, EXIF_DIRECTORY = 0x010F, 0x0112, 0x010E, 0x4746, 0x8769
ORIGINAL, OFFSET_ORIGINAL, LENS_MAKE, LENS_MODEL, USER_COMMENT = 0x9003, 0x9011, 0xA433, 0xA434, 0x9286
WINDOWS_TITLE, WINDOWS_KEYWORDS = 0x9C9B, 0x9C9E

XMP = xmp_packet('xmp:Rating="4"', alternatives("dc:title", x_default="Steg") + bag("dc:subject", "Küste", "dog"))
XMP_TEXTS = (
    ImageText("xmp", "title", "Steg"),
    ImageText("xmp", "keyword", "Küste"),
    ImageText("xmp", "keyword", "dog"),
)


def picture() -> Image.Image:
    return Image.new("RGB", (20, 10), "red")


def told_by(data: bytes) -> Metadata:
    return decode(data, "p").metadata


def exif_of(main: dict[int, object], shot: dict[int, object] | None = None) -> bytes:
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(EXIF_DIRECTORY).update(shot or {})
    return exif.tobytes()


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    jpeg = encoded(picture(), "JPEG")
    return jpeg[:2] + b"".join(struct.pack(">BBH", 0xFF, m, len(d) + 2) + d for m, d in segments) + jpeg[2:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_xmp_is_found_in_every_format_that_carries_it(kind: str) -> None:
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
        data = encoded(picture(), kind, pnginfo=chunks)
    elif kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = XMP
        tags.tagtype[700] = 1
        data = encoded(picture(), kind, tiffinfo=tags)
    else:
        data = encoded(picture(), kind, xmp=XMP)
    assert (told_by(data).rating, told_by(data).texts) == (4, XMP_TEXTS)


def test_iptc_is_found_in_jpegs_and_tiffs() -> None:
    block = iptc_block((2, 120, b"Two dogs"), (2, 25, b"dog"))
    texts = (ImageText("iptc", "caption", "Two dogs"), ImageText("iptc", "keyword", "dog"))
    assert told_by(jpeg_with((0xED, b"Photoshop 3.0\0" + photoshop_resources(block)))).texts == texts
    for tag, value in ((33723, block), (34377, photoshop_resources(block))):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[tag] = value
        tags.tagtype[tag] = 7
        assert told_by(encoded(picture(), "TIFF", tiffinfo=tags)).texts == texts


def test_exif_gives_offset_lens_rating_and_words() -> None:
    exif = exif_of(
        {
            DESCRIPTION: "Two dogs",
            RATING: 3,
            WINDOWS_TITLE: "Der Steg\0".encode("utf-16-le"),
            WINDOWS_KEYWORDS: "dog;Küste\0".encode("utf-16-le"),
        },
        {
            ORIGINAL: "2024:05:06 07:08:09",
            OFFSET_ORIGINAL: "-03:30",
            LENS_MAKE: "Acme",
            LENS_MODEL: "Acme 50mm",
            USER_COMMENT: b"ASCII\0\0\0seen from the pier",
        },
    )
    assert told_by(encoded(picture(), "JPEG", exif=exif)) == Metadata(
        taken_at=datetime(2024, 5, 6, 7, 8, 9),
        taken_offset_min=-210,
        lens="Acme 50mm",
        rating=3,
        texts=(
            ImageText("exif", "title", "Der Steg"),
            ImageText("exif", "caption", "Two dogs"),
            ImageText("exif", "caption", "seen from the pier"),
            ImageText("exif", "keyword", "dog"),
            ImageText("exif", "keyword", "Küste"),
        ),
    )


@pytest.mark.parametrize("offset", ["+25:00", "+01:75", "Z+", "     :  ", "14"])
def test_an_offset_that_never_was_is_none(offset: str) -> None:
    exif = exif_of({}, {ORIGINAL: "2024:05:06 07:08:09", OFFSET_ORIGINAL: offset})
    told = told_by(encoded(picture(), "JPEG", exif=exif))
    assert (told.taken_at, told.taken_offset_min) == (datetime(2024, 5, 6, 7, 8, 9), None)


def test_the_camera_knows_when_and_with_what_and_people_know_how_good() -> None:
    exif = exif_of({MAKE: "Camera", RATING: 1}, {ORIGINAL: "2024:05:06 07:08:09"})
    told = xmp_packet('tiff:Make="Program" xmp:Rating="5" exif:DateTimeOriginal="1999-01-01T00:00:00Z" aux:Lens="50mm"')
    metadata = told_by(encoded(picture(), "JPEG", exif=exif, xmp=told))
    assert (metadata.camera, metadata.taken_at) == ("Camera", datetime(2024, 5, 6, 7, 8, 9))
    assert metadata.taken_offset_min is None  # that of another moment
    assert (metadata.rating, metadata.lens) == (5, "50mm")
    same = xmp_packet('exif:DateTimeOriginal="2024-05-06T07:08:09+02:00"')
    assert told_by(encoded(picture(), "JPEG", exif=exif, xmp=same)).taken_offset_min == 120


def test_the_same_words_in_three_blocks_are_kept_once() -> None:
    data = BytesIO()
    picture().save(
        data,
        "JPEG",
        exif=exif_of({DESCRIPTION: "Two dogs"}),
        xmp=xmp_packet(elements=alternatives("dc:description", x_default="Two dogs")),
    )
    jpeg = data.getvalue()
    resources = b"Photoshop 3.0\0" + photoshop_resources(iptc_block((2, 120, b"Two dogs")))
    segment = struct.pack(">BBH", 0xFF, 0xED, len(resources) + 2) + resources
    assert told_by(jpeg[:2] + segment + jpeg[2:]).texts == (ImageText("xmp", "caption", "Two dogs"),)


def test_a_turn_told_by_xmp_alone_is_made() -> None:
    turn = xmp_packet('tiff:Orientation="6"')
    decoded = decode(encoded(picture(), "JPEG", xmp=turn), "p")
    assert (decoded.image.size, decoded.width, decoded.height) == ((10, 20), 10, 20)
    upright = decode(encoded(picture(), "JPEG", xmp=turn, exif=exif_of({ORIENTATION: 1})), "p")
    assert upright.image.size == (20, 10)  # EXIF goes first
    contained = decode(encoded(picture(), "AVIF", xmp=turn), "p")
    assert (contained.image.size, contained.metadata.orientation) == ((20, 10), 1)


def test_broken_blocks_leave_the_picture() -> None:
    xmp, photoshop = b"http://ns.adobe.com/xap/1.0/\0<x:xmp", b"Photoshop 3.0\x008BIM\4\4\0\0\xff\xff\xff\xff"
    for segment in ((0xE1, xmp), (0xED, photoshop)):
        assert told_by(jpeg_with(segment)) == Metadata()
