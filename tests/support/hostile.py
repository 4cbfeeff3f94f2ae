"""Writes seeded folders of good pictures of every kind, and of 30 files that only pretend to be pictures."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

ORIENTATION_TAG = 0x0112
BAD_FILES = 30

GOOD_KINDS = (
    ("RGB", "JPEG", "jpg"),
    ("RGB", "PNG", "png"),
    ("L", "JPEG", "jpeg"),
    ("CMYK", "JPEG", "jpg"),
    ("RGBA", "PNG", "png"),
    ("P", "GIF", "gif"),
    ("P", "PNG", "png"),
    ("LA", "PNG", "png"),
    ("1", "PNG", "png"),
    ("I;16", "PNG", "png"),
    ("RGB", "WEBP", "webp"),
    ("RGBA", "WEBP", "webp"),
    ("RGB", "TIFF", "tif"),
    ("CMYK", "TIFF", "tiff"),
    ("F", "TIFF", "tif"),
    ("RGB", "BMP", "bmp"),
    ("RGB", "PPM", "ppm"),
    ("RGB", "PNG", "jpg"),  # mislabelled, yet a sound picture
)
"""(mode, format as Pillow names it, suffix)."""


def write_good(folder: Path, n: int, seed: int) -> list[Path]:
    """Write `n` sound pictures, all different, of varied formats, modes, sizes and orientations; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    paths = []
    for index in range(n):
        mode, kind, suffix = GOOD_KINDS[index % len(GOOD_KINDS)]
        height, width = (int(side) for side in chance.integers(40, 400, 2))
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = index % 8 + 1
        path = folder / f"good-{index:03d}.{suffix}"
        extra = {"exif": exif.tobytes()} if kind in {"JPEG", "PNG", "WEBP"} else {}
        _in_mode(landscape(chance, width, height), mode).save(path, kind, **extra)
        paths.append(path)
    return paths


def landscape(chance: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint a smooth two-colour sky with a few coloured boxes: no two alike."""
    top, bottom = chance.integers(0, 256, (2, 3))
    blend = np.linspace(0, 1, height)[:, None, None]
    pixels = np.broadcast_to(top * (1 - blend) + bottom * blend, (height, width, 3)).astype(np.uint8)
    for _ in range(4):
        y, x = chance.integers(0, height), chance.integers(0, width)
        pixels[y : y + height // 3, x : x + width // 3] = chance.integers(0, 256, 3)
    return Image.fromarray(pixels)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(image.convert("L"), dtype=np.float32) / 255)
    return image.convert(mode)


def write_bad(folder: Path, seed: int) -> dict[str, str]:
    """Write 30 files of which none is a picture to keep; return file name -> why it is bad."""
    folder.mkdir(parents=True, exist_ok=True)
    bad = bad_files(seed)
    for name, (_, data) in bad.items():
        (folder / name).write_bytes(data)
    return {name: why for name, (why, _) in bad.items()}


def bad_files(seed: int) -> dict[str, tuple[str, bytes]]:
    """Return file name -> (why it is bad, its bytes); exactly 30."""
    chance = random.Random(seed)
    picture = landscape(np.random.default_rng(seed), 320, 240)
    jpeg, png = encoded(picture, "JPEG", quality=90), encoded(picture, "PNG")
    progressive = encoded(picture, "JPEG", quality=90, progressive=True)
    return {
        "empty.jpg": ("0 bytes", b""),
        "letter.jpg": ("text", "Liebe Grüße von der Küste,\nsee you on Sunday.\n".encode()),
        "page.png": ("a web page saved as a picture", b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>"),
        "header_only.jpg": ("ends inside its header", jpeg[:24]),
        "header_only.png": ("a signature and nothing more", png[:8]),
        "tenth.jpg": ("truncated at 10%", jpeg[: len(jpeg) // 10]),
        "half.jpg": ("truncated at 50%", jpeg[: len(jpeg) // 2]),
        "progressive_tenth.jpg": ("a progressive JPEG truncated at 10%", progressive[: len(progressive) // 10]),
        "half.png": ("truncated at 50%", png[: len(png) // 2]),
        "half.webp": ("truncated at 50%", _half(encoded(picture, "WEBP"))),
        "half.tif": ("truncated at 50%", _half(encoded(picture, "TIFF", compression="tiff_lzw"))),
        "bomb.png": ("claims 60000 x 60000 pixels", png_of(60_000, 60_000, zlib.compress(bytes(1000)))),
        "strip.png": ("claims 2147483647 x 1 pixels", png_of(2**31 - 1, 1, zlib.compress(bytes(1000)))),
        "checksum.png": ("pixels that fail their checksum from the start", _spoiled_pixels(png)),
        "overlap.tif": ("60000 tags that share 600 kB of data", overlapping_tags(60_000)),
        "count.tif": ("a tag that claims 4 billion values", _greedy_tag()),
        "nothing.gif": ("0 x 0 pixels", b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + b";"),
        "negative.bmp": ("a negative width", _bmp(-320, 240)),
        "endless.bmp": ("2147483647 x 2147483647 pixels", _bmp(2**31 - 1, 2**31 - 1)),
        "chunk.webp": ("a chunk larger than the file", _greedy_webp(encoded(picture, "WEBP"))),
        "huffman.jpg": ("a corrupt Huffman table", _corrupt_huffman(jpeg)),
        "scans.jpg": ("2000 scans, to stall the decoder", _many_scans(progressive)),
        "noise.jpg": ("random bytes", chance.randbytes(4096)),
        "packed.jpg": ("a gzip file", gzip.compress(jpeg, mtime=0)),
        "album.jpg": ("a zip archive", _zip(jpeg)),
        "nested.ico": ("an icon inside an icon", _icon(_icon(_icon(b"")))),
        "layers.jpg": ("a Photoshop document", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 240, 320, 8, 3)),
        "script.png": ("an SVG with a script", b'<svg xmlns="http://www.w3.org/2000/svg"><script>0</script></svg>'),
        "program.png": ("an ELF program", b"\x7fELF\2\1\1" + bytes(9) + chance.randbytes(512)),
        "zeros.jpg": ("nothing but zeros", bytes(8192)),
    }


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encode as Pillow's `kind` with its save options."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gigapixel_jpeg(width: int, height: int) -> bytes:
    """Build a sound grey baseline JPEG of any size without ever holding it: one coded row of blocks, repeated.

    Every row of 8 pixels ends at a restart marker, so that rows can be copied; width and height are multiples of 8.
    """
    seed_rows = 16
    jpeg = encoded(Image.new("L", (width, seed_rows), 200), "JPEG", restart_marker_rows=1)
    first_row = jpeg.index(b"\xff\xda")
    first_row += 2 + int.from_bytes(jpeg[first_row + 2 : first_row + 4], "big")
    row = jpeg[first_row : jpeg.index(b"\xff\xd0", first_row)]
    frame = jpeg.index(b"\xff\xc0")
    header = jpeg[: frame + 5] + height.to_bytes(2, "big") + jpeg[frame + 7 : first_row]
    rows = height // 8
    return header + b"".join(row + bytes([0xFF, 0xD0 + i % 8]) for i in range(rows - 1)) + row + b"\xff\xd9"


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    """Build an 8-bit grey PNG around compressed pixel data, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def overlapping_tags(count: int) -> bytes:
    """Build a TIFF whose tags all point at the same bytes: copied one by one they need 20 GB."""
    entries = b"".join(struct.pack("<HHLL", tag, 7, 12 * count // 2, 8) for tag in range(300, 300 + count))
    return b"II*\0" + struct.pack("<LH", 8, count) + entries + struct.pack("<L", 0)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _spoiled_pixels(png: bytes) -> bytes:
    place = png.index(b"IDAT") + 4
    return png[:place] + bytes(64) + png[place + 64 :]


def _greedy_tag() -> bytes:
    tags = ((256, 4, 1, 320), (257, 4, 1, 240), (258, 3, 2**32 - 1, 8), (262, 3, 1, 1), (273, 4, 2**32 - 1, 8))
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + b"".join(struct.pack("<HHLL", *tag) for tag in tags) + bytes(4)


def _bmp(width: int, height: int) -> bytes:
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<LHHL", 54 + 64, 0, 0, 54) + header + bytes(64)


def _greedy_webp(webp: bytes) -> bytes:
    return webp[:4] + struct.pack("<I", 2**32 - 10) + webp[8:16] + struct.pack("<I", 2**32 - 30) + webp[20:200]


def _corrupt_huffman(jpeg: bytes) -> bytes:
    place = jpeg.index(b"\xff\xc4") + 5
    return jpeg[:place] + b"\xff" * 16 + jpeg[place + 16 :]


def _many_scans(progressive: bytes) -> bytes:
    start = progressive.rindex(b"\xff\xda")
    last_scan = progressive[start:-2]
    empty_scan = last_scan[: 2 + int.from_bytes(last_scan[2:4], "big")] + bytes(2)
    return progressive[:-2] + empty_scan * 2000 + b"\xff\xd9"


def _zip(jpeg: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("picture.jpg"), jpeg)
    return buffer.getvalue()


def _icon(content: bytes) -> bytes:
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(content), 22) + content


def mutated(data: bytes, edits: list[tuple[int, int]], keep: int) -> bytes:
    """Set bytes at places (modulo the length) to values, then cut to `keep` of 256 parts."""
    spoiled = bytearray(data)
    for place, value in edits:
        spoiled[place % len(spoiled)] = value
    return bytes(spoiled[: len(spoiled) * keep // 256])


SEEDS: tuple[tuple[str, Callable[[Image.Image], bytes]], ...] = (
    ("JPEG", lambda image: encoded(image, "JPEG", exif=_little_exif())),
    ("progressive JPEG", lambda image: encoded(image, "JPEG", progressive=True)),
    ("CMYK JPEG", lambda image: encoded(image.convert("CMYK"), "JPEG")),
    ("PNG", lambda image: encoded(image, "PNG", exif=_little_exif())),
    ("palette PNG", lambda image: encoded(image.quantize(16), "PNG", transparency=3)),
    ("text PNG", lambda image: encoded(image, "PNG", pnginfo=_text())),
    ("GIF", lambda image: encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)])),
    ("WEBP", lambda image: encoded(image, "WEBP", exif=_little_exif())),
    ("TIFF", lambda image: encoded(image, "TIFF")),
    ("LZW TIFF", lambda image: encoded(image, "TIFF", compression="tiff_lzw")),
    ("16-bit TIFF", lambda image: encoded(_in_mode(image, "I;16"), "TIFF")),
    ("BMP", lambda image: encoded(image, "BMP")),
    ("PPM", lambda image: encoded(image, "PPM")),
    ("ICO", lambda image: encoded(image, "ICO")),
    ("JPEG2000", lambda image: encoded(image, "JPEG2000")),
    ("AVIF", lambda image: encoded(image, "AVIF")),
)
"""A small valid file of every kind, to be mutated."""


def _little_exif() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    exif[0x010F], exif[0x0110] = "Acme", "Acme One"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0)})
    return exif.tobytes()


def _text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a" * 100, zip=True)
    text.add_itxt("Title", "b" * 100, zip=True)
    return text
