"""What a file says of its picture besides the pixels: EXIF, XMP and IPTC brought together, whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PIL import Image

from .exif import IPTC_TAG, PHOTOSHOP_TAG, XMP_TAG, Exif, block_of, device_name, read_exif
from .image_text import ImageText, distinct
from .iptc import iptc_in_photoshop, read_iptc
from .xmp import Xmp, read_xmp

_IPTC_RESOURCE = 0x0404


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts and words that travel in an image file.

    `orientation` is EXIF's, 1-8. `taken_at` is the camera's local time without zone, `taken_offset_min` by how many
    minutes that is ahead of UTC. Latitude and longitude are degrees, WGS 84. `rating` is 0-5 stars. `texts` come
    without repetitions, XMP's first: programs write it last and in full, where the older blocks cut what is long.
    """

    orientation: int = 1
    taken_at: datetime | None = None
    taken_offset_min: int | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    texts: tuple[ImageText, ...] = ()


def tiff_metadata(data: bytes) -> Metadata:
    """Read the metadata of a whole file of TIFF's shape: its own tags, and the blocks it carries under some of them."""
    iptc = block_of(data, IPTC_TAG) or iptc_in_photoshop(block_of(data, PHOTOSHOP_TAG))
    return _merged(read_exif(data), read_xmp(block_of(data, XMP_TAG)), iptc)


def image_metadata(image: Image.Image, exif: bytes | None = None) -> Metadata:
    """Read the metadata of a picture that Pillow has loaded: PNG allows its chunks after the pixels.

    Args:
        image: as opened by its format's class.
        exif: its EXIF block, where that has been found by other means than Pillow's.
    """
    exif = _bytes(image.info.get("exif")) if exif is None else exif
    resources = image.info.get("photoshop")
    iptc = _bytes(resources.get(_IPTC_RESOURCE)) if isinstance(resources, dict) else b""
    return _merged(
        read_exif(exif), read_xmp(_bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))), iptc
    )


def _merged(exif: Exif, xmp: Xmp, iptc: bytes) -> Metadata:
    """EXIF, which the camera wrote, goes first for what the camera knew; XMP for what people say of the picture."""
    moment = xmp.moment if exif.taken_at is None else None
    place = exif if exif.latitude is not None else xmp
    return Metadata(
        orientation=exif.orientation if exif.is_turn_told else xmp.orientation or 1,
        taken_at=moment.local if moment else exif.taken_at,
        taken_offset_min=moment.offset_min if moment else _offset(exif, xmp),
        camera=exif.camera or device_name(xmp.make, xmp.model),
        lens=exif.lens or device_name("", xmp.lens),
        latitude=place.latitude,
        longitude=place.longitude,
        rating=exif.rating if xmp.rating is None else xmp.rating,
        texts=distinct([*xmp.texts, *read_iptc(iptc), *exif.texts]),
    )


def _offset(exif: Exif, xmp: Xmp) -> int | None:
    """EXIF's offset, or that of the same moment in XMP: EXIF had no place for it until 2016."""
    if exif.taken_offset_min is None and xmp.moment is not None and xmp.moment.local == exif.taken_at:
        return xmp.moment.offset_min
    return exif.taken_offset_min


def _bytes(block: object) -> bytes:
    if isinstance(block, str):
        return block.encode("utf-8", errors="replace")
    return block if isinstance(block, bytes) else b""
