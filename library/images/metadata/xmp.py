"""Reads the facts and words of an XMP packet, bounded and without entities; no bytes make it raise.

XMP is RDF in XML (ISO 16684-1): a property is an attribute of `rdf:Description` or an element in it, holding text or
an `rdf:Alt`, `rdf:Bag` or `rdf:Seq` of `rdf:li`. Expat is stopped at the first sign of a DTD, which XMP never has:
without one there are no entities to grow or to fetch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from .dates import Moment, read_moment
from .image_text import ImageText, TextSource, printable, texts_of

_LARGEST_PACKET_BYTES = 4 << 20
"""Histories of edits make packets of some hundred kilobytes."""

_DEEPEST = 64
_MOST_VALUES = 5_000
_LONGEST_VALUE = 10_000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DESCRIPTION, _ITEM = f"{_RDF} Description", f"{_RDF} li"
_LISTS = frozenset({f"{_RDF} Alt", f"{_RDF} Bag", f"{_RDF} Seq"})
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"

_DC, _XMP, _TIFF, _EXIF, _AUX, _EXIF_EX, _PHOTOSHOP, _LR, _DIGIKAM = (
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/tiff/1.0/",
    "http://ns.adobe.com/exif/1.0/",
    "http://ns.adobe.com/exif/1.0/aux/",
    "http://cipa.jp/exif/1.0/",
    "http://ns.adobe.com/photoshop/1.0/",
    "http://ns.adobe.com/lightroom/1.0/",
    "http://www.digikam.org/ns/1.0/",
)
_COORDINATE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])", re.ASCII)
"""Degrees, minutes with a fraction, or minutes and seconds, and the hemisphere (ISO 16684-2, GPSCoordinate)."""


@dataclass(frozen=True, slots=True)
class Xmp:
    """What an XMP packet says; fields as in `Metadata`, `orientation` 1-8 or None when it says nothing of it."""

    orientation: int | None = None
    moment: Moment | None = None
    make: str = ""
    model: str = ""
    lens: str = ""
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    texts: tuple[ImageText, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    body: str
    language: str | None


@dataclass(slots=True)
class _Collector:
    """Gathers property values from expat's events: those of a Description's attributes, children and their lists."""

    values: dict[str, list[_Value]] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    language: str | None = None
    count: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= _DEEPEST:
            raise _Refused
        self.path.append(name)
        self.text = []
        self.language = attributes.get(_LANGUAGE) if name == _ITEM else None
        if name == _DESCRIPTION and self.path.count(_DESCRIPTION) == 1:
            for key, value in attributes.items():
                self._add(key, value)

    def characters(self, text: str) -> None:
        self.text.append(text)

    def end(self, name: str) -> None:
        self.path.pop()
        body = "".join(self.text).strip()
        self.text = []
        if not body:
            return
        if name == _ITEM:
            if len(self.path) >= 3 and self.path[-1] in _LISTS and self.path[-3] == _DESCRIPTION:
                self._add(self.path[-2], body)
        elif self.path and self.path[-1] == _DESCRIPTION and self.path.count(_DESCRIPTION) == 1:
            self._add(name, body)

    def _add(self, name: str, body: str) -> None:
        self.count += 1
        if self.count > _MOST_VALUES:
            raise _Refused
        self.values.setdefault(name, []).append(_Value(body[:_LONGEST_VALUE], self.language))

    def all_of(self, namespace: str, name: str) -> list[_Value]:
        return self.values.get(f"{namespace} {name}", [])

    def first_of(self, namespace: str, name: str) -> str:
        found = self.all_of(namespace, name)
        return printable(found[0].body)[:_LONGEST_VALUE] if found else ""


class _Refused(Exception):
    """The packet is larger or stranger than any real one."""


def read_xmp(packet: bytes, source: TextSource = "xmp") -> Xmp:
    """Read an XMP packet, or an XMP sidecar file, whose texts then have the source `sidecar`."""
    if not 0 < len(packet) <= _LARGEST_PACKET_BYTES:
        return Xmp()
    found = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.characters
    try:
        parser.Parse(packet.strip(b"\0 \t\r\n"), True)  # noqa: FBT003 - its signature
    except (expat.ExpatError, _Refused, ValueError, LookupError):
        if not found.values:
            return Xmp()
        # A packet cut short, as camera software does write them, has told what it has told.
    return _read(found, source)


def _read(found: _Collector, source: TextSource) -> Xmp:
    latitude = _degrees(found.first_of(_EXIF, "GPSLatitude"), "NS", 90.0)
    longitude = _degrees(found.first_of(_EXIF, "GPSLongitude"), "EW", 180.0)
    has_place = latitude is not None and longitude is not None
    moments = (
        found.first_of(_EXIF, "DateTimeOriginal"),
        found.first_of(_PHOTOSHOP, "DateCreated"),
        found.first_of(_XMP, "CreateDate"),
    )
    orientation = found.first_of(_TIFF, "Orientation")
    return Xmp(
        orientation=int(orientation) if re.fullmatch("[1-8]", orientation) else None,
        moment=next((moment for text in moments if (moment := read_moment(text))), None),
        make=found.first_of(_TIFF, "Make"),
        model=found.first_of(_TIFF, "Model"),
        lens=found.first_of(_EXIF_EX, "LensModel") or found.first_of(_AUX, "Lens"),
        latitude=latitude if has_place else None,
        longitude=longitude if has_place else None,
        rating=_rating(found.first_of(_XMP, "Rating")),
        texts=tuple(_texts(found, source)),
    )


def _texts(found: _Collector, source: TextSource) -> list[ImageText]:
    titles = [*found.all_of(_DC, "title"), *found.all_of(_PHOTOSHOP, "Headline")]
    # Hierarchies come as "Places|Europe|Rome" or "Places/Europe/Rome"; their last part is the word.
    paths = [*found.all_of(_LR, "hierarchicalSubject"), *found.all_of(_DIGIKAM, "TagsList")]
    keywords = [value.body for value in found.all_of(_DC, "subject")]
    keywords += [re.split(r"[|/]", value.body)[-1] for value in paths]
    texts = [text for value in titles for text in texts_of(source, "title", [value.body], _tag(value))]
    for value in found.all_of(_DC, "description"):
        texts += texts_of(source, "caption", [value.body], _tag(value))
    return [*texts, *texts_of(source, "keyword", keywords)]


def _tag(value: _Value) -> str | None:
    """The value's language; `x-default` says which of several to show, not which language it is."""
    language = printable(value.language or "")[:35]
    return language if language and language != "x-default" else None


def _rating(text: str) -> int | None:
    """0 to 5 stars; -1, which stands for "rejected", is not one of them."""
    return round(float(text)) if re.fullmatch(r"[0-5](\.\d{1,6})?", text, re.ASCII) and float(text) <= 5 else None


def _degrees(text: str, letters: str, limit: float) -> float | None:
    match = _COORDINATE.fullmatch(text)
    if match is None or match[4] not in letters:
        return None
    degrees = int(match[1]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
    return (-degrees if match[4] == letters[1] else degrees) if degrees <= limit else None


def _refuse(*_doctype: object) -> None:
    raise _Refused
