"""PNGs with much beside their pixels: bounded in what is read of it, never refused for what is there."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from photoseek.library.images.decoding import decode
from photoseek.library.images.png import lightened
from photoseek.tests.support.packets import xmp_packet

MB = 1 << 20
XMP = "XML:com.adobe.xmp"


def png(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(stream, "PNG", **options)
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(name: bytes, content: bytes, *, at_end: bool = False) -> bytes:
    plain = png()
    place = plain.index(b"IEND") - 4 if at_end else 33  # behind IHDR
    return plain[:place] + chunk(name, content) + plain[place:]


def rated(size_bytes: int) -> str:
    """A packet of XMP with five stars and a history of edits of this length."""
    whole = xmp_packet('xmp:Rating="5"').decode()
    return whole.replace("</x:xmpmeta>", f"<!--{'e' * size_bytes}--></x:xmpmeta>")


@pytest.mark.parametrize("zip_text", [True, False])
@pytest.mark.parametrize("size_bytes", [MB // 2, 2 * MB, 3 * MB])
def test_a_long_packet_of_xmp_is_read(zip_text: bool, size_bytes: int) -> None:
    info = PngInfo()
    info.add_itxt(XMP, rated(size_bytes), zip=zip_text)
    decoded = decode(png(pnginfo=info), "a.png")
    assert (decoded.metadata.rating, decoded.warning) == (5, None)
    assert decoded.image.getpixel((3, 3)) == (200, 30, 30)


def test_xmp_behind_the_pixels_is_read_too() -> None:
    content = XMP.encode() + b"\0\1\0\0\0" + zlib.compress(rated(2 * MB).encode())
    assert decode(with_chunk(b"iTXt", content, at_end=True), "a.png").metadata.rating == 5


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_what_unpacks_to_a_gigabyte_costs_little_and_no_picture(name: bytes) -> None:
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(bytes(16 * MB)) for _ in range(8)) + bomb.flush()
    head = b"Comment\0\1\0\0\0" if name == b"iTXt" else b"Comment\0\0"
    decoded = decode(with_chunk(name, head + packed), "a.png")
    assert decoded.image.getpixel((3, 3)) == (200, 30, 30)


def test_many_long_words_are_passed_by() -> None:
    words = b"".join(chunk(b"tEXt", b"Comment\0" + b"w" * (900 << 10)) for _ in range(90))
    plain = png()
    decoded = decode(plain[:33] + words + plain[33:], "a.png")
    assert decoded.image.getpixel((3, 3)) == (200, 30, 30)


def test_a_colour_profile_of_megabytes_is_followed() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(1).integers(0, 256, 2 * MB, dtype=np.uint8).tobytes()
    large = bytearray(srgb + noise)
    large[:4] = struct.pack(">I", len(large))
    light = lightened(with_chunk(b"iCCP", b"printer\0\0" + zlib.compress(bytes(large))))
    assert light.info == {"icc_profile": bytes(large)}
    decoded = decode(with_chunk(b"iCCP", b"printer\0\0" + zlib.compress(bytes(large))), "a.png")
    assert decoded.image.getpixel((3, 3)) == (200, 30, 30)


def test_a_light_png_is_not_even_copied() -> None:
    info = PngInfo()
    info.add_text("Comment", "a red square", zip=True)
    data = png(pnginfo=info)
    assert lightened(data).data is data


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_half_a_png_is_no_worse_than_before(cut: int) -> None:
    data = with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * MB)))
    assert lightened(data[:cut]).info == {}
