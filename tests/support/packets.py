"""Builds XMP packets, IPTC blocks and Photoshop resources as programs write them."""

from __future__ import annotations

import struct

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
}


def xmp_packet(attributes: str = "", elements: str = "") -> bytes:
    """A packet with one description: properties as attributes, as Lightroom has them, or as elements."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def alternatives(name: str, **by_language: str) -> str:
    items = "".join(f'<rdf:li xml:lang="{tag.replace("_", "-")}">{text}</rdf:li>' for tag, text in by_language.items())
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def bag(name: str, *items: str) -> str:
    return f"<{name}><rdf:Bag>{''.join(f'<rdf:li>{item}</rdf:li>' for item in items)}</rdf:Bag></{name}>"


def iptc_block(*datasets: tuple[int, int, bytes]) -> bytes:
    """Datasets of (record, number, value)."""
    parts = (struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in datasets)
    return b"".join(parts)


def photoshop_resources(iptc: bytes) -> bytes:
    """An IPTC block between two other resources, one of them named and of odd length."""
    return _resource(0x0BB7, b"odd", b"name") + _resource(0x0404, iptc) + _resource(0x0425, bytes(16))


def _resource(number: int, data: bytes, name: bytes = b"") -> bytes:
    pascal = bytes([len(name)]) + name
    padded = pascal + bytes(len(pascal) % 2)
    return b"8BIM" + struct.pack(">H", number) + padded + struct.pack(">L", len(data)) + data + bytes(len(data) % 2)
