"""Turns a decoded picture of any mode into 8-bit sRGB, in strips, so that no second full-size copy is held."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_STRIP_PIXELS = 1 << 22
"""4 million pixels, 16 MiB as Pillow stores RGB: small beside a picture, large beside a strip's fixed costs."""

_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_PROFILED_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Pillow's modes and the ICC colour space (ICC.1:2022, table 19) that may describe them."""

_WHITE_POINTS = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""Full scale of unit floats and of 8, 10, 12, 14 and 16 bits: what sensors and scanners deliver."""


@dataclass(frozen=True, slots=True)
class _Tones:
    """The values shown as black and as white."""

    black: float
    white: float


def to_srgb(image: Image.Image, factor: int) -> Image.Image:
    """Return `image` as RGB, both sides divided by `factor` (rounded up) by averaging.

    Transparent pixels lie over white. Samples deeper than 8 bits are scaled from the bit depth that holds their
    maximum, not clipped at 255. An ICC profile is followed when it is sound and describes the picture's colour space.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "RGB" and not profile and "transparency" not in image.info:
        return image.reduce(factor) if factor > 1 else image
    tones = _measured(image) if image.mode in _DEEP_MODES else None
    result = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _strips(image, factor):
        flat = _scaled(strip, tones) if tones else _flattened(strip)
        small = flat.reduce(factor) if factor > 1 else flat
        result.paste(_profiled(small, profile if isinstance(profile, bytes) else None), (0, top // factor))
    return result


def _strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield (top, strip); each strip's height is a multiple of `factor`, but the last's."""
    rows = max(_STRIP_PIXELS // image.width // factor, 1) * factor
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _flattened(image: Image.Image) -> Image.Image:
    """Bring a strip of any 8-bit mode to RGB, L or CMYK."""
    if "transparency" in image.info or image.mode in {"RGBA", "RGBa", "LA", "La", "PA"}:
        opaque = image.convert("LA") if image.mode == "La" else image
        opaque = opaque.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), opaque).convert("RGB")
    if image.mode in _PROFILED_SPACES:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _measured(image: Image.Image) -> _Tones:
    """Find black and white: zero (or the minimum below it), and the smallest full scale that holds the maximum."""
    lowest, highest = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip, dtype=np.float32)
        finite = values[np.isfinite(values)]
        if finite.size:
            lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    if lowest > highest:
        return _Tones(0.0, 1.0)
    if lowest < 0:
        return _Tones(lowest, highest if highest > lowest else lowest + 1)
    return _Tones(0.0, next((white for white in _WHITE_POINTS if highest <= white), highest))


def _scaled(image: Image.Image, tones: _Tones) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    shown = (values - tones.black) * (255 / (tones.white - tones.black))
    shown = np.nan_to_num(shown, nan=0.0, posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(np.rint(shown), 0, 255).astype(np.uint8))


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    return converted if converted is not None else image.convert("RGB")


# One camera writes one profile into all its files. littlecms allows one transform in many threads.
@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from a profile to sRGB; None for sRGB itself and for what is broken or describes another space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _PROFILED_SPACES[mode]:
            return None
        if "srgb" in (source.profile.profile_description or "").casefold():
            return None
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError):
        return None
