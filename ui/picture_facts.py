"""What the viewer tells of one picture, as values for its script: addresses, facts, texts, where it was taken."""

from __future__ import annotations

from typing import Final

from .. import ImageRecord, KnownImage, PhotoseekError, Query, Term
from .components import size_in_words
from .deep_zoom import TILE_PX, levels_of
from .grid import shown_name
from .images import Shape
from .places import folder_of, place_of
from .resources import Resources

SIMILAR: Final = 12


def item_of(image: ImageRecord, resources: Resources) -> dict[str, object]:
    """Return a picture as the viewer needs it to begin with: what a tile of a grid tells as well."""
    name = shown_name(image)
    thumbnail = resources.pictures.address(image, Shape.GRID)
    return {"id": image.id, "src": thumbnail, "w": image.width, "h": image.height, "name": name, "alt": name}


def facts_of_picture(image: ImageRecord, resources: Resources) -> dict[str, object]:
    """Return all that is known of a picture; `wanted` beside a fact are the parameters of what shares it."""
    texts = resources.library.texts.of([image]).get(image.id, ())
    levels = levels_of(image.width, image.height)
    return {
        **item_of(image, resources),
        "screen": resources.pictures.address(image, Shape.SCREEN),
        "file": resources.pictures.address(image, Shape.FILE),
        "path": place_of(image.path),
        "tile": TILE_PX,
        "levels": [levels.start, levels.stop],
        "facts": _facts(image),
        "texts": [
            {"body": text.body, "source": f"{text.kind}, from {text.source}"}
            for text in texts
            if text.kind != "keyword"
        ],
        "keywords": list(dict.fromkeys(text.body for text in texts if text.kind == "keyword")),
        "place": None if image.latitude is None or image.longitude is None else [image.latitude, image.longitude],
        "answers": resources.library.can_ask,
    }


def _facts(image: ImageRecord) -> list[dict[str, object]]:
    taken, day = image.taken_at, None
    if taken is not None:
        day = {"from": [taken.date().isoformat()], "to": [taken.date().isoformat()]}
    folder = folder_of(image.path)
    side = f"{image.width:,} × {image.height:,}"
    rows: list[tuple[str, str | None, dict[str, list[str]] | None]] = [
        ("Taken", None if taken is None else f"{taken:%A}, {taken.day} {taken:%B %Y, %H:%M}", day),
        ("Camera", image.camera, {"camera": [image.camera or ""]}),
        ("Lens", image.lens, None),
        ("Size", f"{side} · {image.format} · {size_in_words(image.size_bytes)}", None),
        ("Stars", "★" * (image.rating or 0), {"stars": [str(image.rating)]}),
        ("Folder", folder, {"in": [folder]}),
        ("Colours", ", ".join(image.colours.split()), None),
        ("Note", image.warning, None),
    ]
    return [{"name": name, "value": value, "wanted": wanted} for name, value, wanted in rows if value]


def similar_to(image: ImageRecord, resources: Resources) -> list[dict[str, object]]:
    """Return the pictures most like one, nearest first; none where its model has no vector of it."""
    try:
        hits = resources.library.search(Query((Term(KnownImage(image.id)),), k=SIMILAR + 1))
    except PhotoseekError:
        return []
    return [item_of(hit.image, resources) for hit in hits if hit.image.id != image.id][:SIMILAR]
