"""Draws docs/images/results.png: questions asked of scikit-image's photographs, and the best answers.

python docs/draw_results.py
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import photoseek

QUESTIONS = ("a cat", "a cup of coffee", "a rocket launch", "a motorcycle")
ANSWERS = 3
TILE_PX = 190
GAP_PX = 12
LINE_PX = 26
OUTPUT = Path(__file__).parent / "images" / "results.png"


def main() -> None:
    """Ask the questions and draw a row for each."""
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the sample photographs are missing: pip install scikit-image")
    row_px = LINE_PX + TILE_PX + LINE_PX + GAP_PX
    size = (GAP_PX + ANSWERS * (TILE_PX + GAP_PX)) * 2, GAP_PX + row_px * (len(QUESTIONS) // 2)
    sheet = Image.new("RGB", size, "white")
    with tempfile.TemporaryDirectory() as folder, photoseek.open(folder) as library:
        library.index([Path(spec.submodule_search_locations[0]) / "data"])
        for number, question in enumerate(QUESTIONS):
            corner = (GAP_PX + number % 2 * size[0] // 2, GAP_PX + number // 2 * row_px)
            _draw_answers(sheet, corner, question, library.search(question, k=ANSWERS))
    sheet.save(OUTPUT, optimize=True)


def _draw_answers(sheet: Image.Image, corner: tuple[int, int], question: str, hits: list[photoseek.Hit]) -> None:
    draw = ImageDraw.Draw(sheet)
    left, top = corner
    draw.text((left, top), question, fill="black", font=ImageFont.load_default(18))
    for place, hit in enumerate(hits):
        x, y = left + place * (TILE_PX + GAP_PX), top + LINE_PX
        with Image.open(hit.image.path) as picture:
            sheet.paste(_square(picture.convert("RGB")), (x, y))
        caption = f"{hit.score:.2f}  {hit.image.path.name}"
        draw.text((x, y + TILE_PX + 4), caption, fill="dimgray", font=ImageFont.load_default(13))


def _square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((TILE_PX, TILE_PX))


if __name__ == "__main__":
    main()
