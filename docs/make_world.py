"""Makes ui/assets/world.json, the coasts and borders under the pages' maps, from Natural Earth's.

npm pack world-atlas@2.0.2 && tar xf world-atlas-2.0.2.tgz && python docs/make_world.py package/countries-50m.json
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

WORLD: Final = Path(__file__).parents[1] / "ui" / "assets" / "world.json"
PARTS: Final = 50
"""Of a degree: points are told to 2 km."""

TOLERANCE: Final = 0.04
"""Degrees by which a line may be off after it is simplified."""

_LEAST_SPAN: Final = 0.12
"""Degrees: an island smaller than this is left out."""

_Points = NDArray[np.float64]


def main() -> None:
    """Read the file that is named, simplify its lines, and write them."""
    atlas = json.loads(Path(sys.argv[1]).read_text())
    scale, shift = np.array(atlas["transform"]["scale"]), np.array(atlas["transform"]["translate"])
    lines = []
    for arc in atlas["arcs"]:
        # TopoJSON: the first point of an arc, then the step to each next one.
        points = np.cumsum(arc, axis=0) * scale + shift
        if np.ptp(points, axis=0).max() < _LEAST_SPAN:
            continue
        kept = np.round(simplified(points) * PARTS).astype(int)
        steps = [kept[0].tolist(), *((after - before).tolist() for before, after in pairwise(kept))]
        lines.append([side for place, step in enumerate(steps) if place == 0 or any(step) for side in step])
    told = {"source": "Natural Earth, public domain", "parts": PARTS, "lines": lines}
    WORLD.write_text(json.dumps(told, separators=(",", ":")) + "\n")


def simplified(points: _Points) -> _Points:
    """Return the points, (n, 2), of a line no further than TOLERANCE from the given one (Douglas and Peucker, 1973)."""
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distances(points[first + 1 : last], points[first], points[last])
        furthest = int(away.argmax())
        if away[furthest] > TOLERANCE:
            middle = first + 1 + furthest
            kept[middle] = True
            spans += [(first, middle), (middle, last)]
    return points[kept]


def _distances(points: _Points, start: _Points, end: _Points) -> _Points:
    """How far points, (n, 2), are from the segment between two others."""
    along = end - start
    length = float(along @ along)
    shares = np.zeros(len(points)) if length == 0 else np.clip((points - start) @ along / length, 0, 1)
    return np.asarray(np.hypot(*(points - start - shares[:, None] * along).T))


if __name__ == "__main__":
    main()
