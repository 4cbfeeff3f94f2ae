"""Takes pictures of the pages: two for the README, or with --all DIR one of each, wide and narrow, light and dark.

apt-get download lomiri-wallpapers-16.04 && dpkg -x lomiri-wallpapers-16.04_*.deb wallpapers
python docs/take_screenshots.py --photos wallpapers/usr/share/backgrounds [--all DIR]

They show photographs of Debian's wallpapers (NOTICE says whose), scikit-image's and scikit-learn's samples, and crops
of them. Needs chromium and `[dev]`.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import skimage
import sklearn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import photoseek
from photoseek.tests.support.browser import CHROMIUM, serving

IMAGES = Path(__file__).parent / "images"
SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png")
WALLPAPERS = {
    "aitzgorri_by_Aitzol_Berasategi.jpg": "autumn hills",
    "friends_by_Aitzol_Berasategi.jpg": "friends",
    "life_by_Aitzol_Berasategi.jpg": "stream",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": "picos de europa",
    "sunset_by_Aitzol_Berasategi.jpg": "sunset",
    "Picture_0B_by_freespace.jpg": "fig",
    "Picture_1A_by_freespace.jpg": "brushes",
    "Wine_by_Jakkub_Mede.jpg": "wine",
    "seeding_by_Clements_Engelhardt.jpg": "dandelions",
}
PLACES = {
    "picos de europa": (43.19, -4.85),
    "autumn hills": (42.95, -2.33),
    "sunset": (43.26, -2.93),
    "china": (39.99, 116.27),
    "rocket": (28.57, -80.65),
    "coffee": (38.71, -9.14),
    "stream": (43.31, -1.98),
}
"""Where photographs of these names are said to have been taken, by latitude and longitude."""

CROPS = 2
LARGEST_SIDE_PX = 2_400
LARGEST_BYTES = 200_000
WIDE, NARROW = (1_440, 900), (390, 844)

_SEARCH = "?q=a+cat"
_README = {
    "search.webp": (_SEARCH, WIDE, "light", ".tile.loaded"),
    "search-narrow.webp": ("?q=a+red+motorcycle", NARROW, "dark", ".tile.loaded"),
}
_PAGES = {
    "start": ("", ".tile.loaded"),
    "search": (_SEARCH, ".tile.loaded"),
    "combined": ("?q=a+photograph&t=id:1&t=-text:a+motorcycle", ".tile.loaded"),
    "nothing": ("?q=a+snowman+on+a+bicycle", ".tile.loaded"),
    "places": ("places", ".spot"),
    "picture": (f"{_SEARCH}&image=1", "dialog .similar img"),
    "rerank": ("?q=a+cat&look=5", ".tile .badge"),
    "explore": ("explore", "canvas"),
    "describe": ("describe", "[data-testid=stFileUploader]"),
    "duplicates": ("duplicates", ".card"),
    "library": ("library", "text=mini"),
    "evaluate": ("evaluate", "[data-testid=stFileUploader]"),
}
_SETTLE_MS = 1_500


def main() -> None:
    """Index the samples, serve the pages, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="where to put one picture of each page")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="where the wallpapers are")
    options = parser.parse_args()
    everything: Path | None = options.all
    with tempfile.TemporaryDirectory() as home:
        photos, library = Path(home) / "photos", Path(home) / "x.library"
        write_photographs(photos, options.photos)
        with photoseek.open(library) as opened:
            opened.index([photos])
        with serving(library) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            if everything is None:
                for name, (path, size, scheme, wanted) in _README.items():
                    keep_small(_shot(browser, f"{address}/{path}", size, scheme, wanted), IMAGES / name)
                return
            everything.mkdir(parents=True, exist_ok=True)
            for name, (path, wanted) in _PAGES.items():
                for size in (WIDE, NARROW):
                    for scheme in ("light", "dark"):
                        file = everything / f"{name}-{size[0]}-{scheme}.png"
                        file.write_bytes(_shot(browser, f"{address}/{path}", size, scheme, wanted))


def _shot(browser: Browser, address: str, size: tuple[int, int], scheme: str, wanted: str) -> bytes:
    """Return a picture of a page once `wanted` is to be seen on it, as PNG."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.goto(address)
    page.wait_for_selector(wanted, timeout=180_000)
    page.wait_for_timeout(_SETTLE_MS)
    data: bytes = page.screenshot()
    page.close()
    return data


def keep_small(data: bytes, file: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """Write a picture as WebP, in the best quality that fits."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    for quality in range(90, 20, -5):
        stream = io.BytesIO()
        picture.save(stream, "WEBP", quality=quality, method=6)
        if len(stream.getvalue()) <= largest_bytes:
            file.write_bytes(stream.getvalue())
            return


def write_photographs(folder: Path, wallpapers: Path) -> None:
    """Write the samples and some crops of each, with days, cameras and places as photographs have them."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    data = Path(str(skimage.__file__)).parent / "data"
    more = Path(str(sklearn.__file__)).parent / "datasets" / "images"
    files = {name.partition(".")[0].partition("_")[0]: data / name for name in SAMPLES}
    files |= {"china": more / "china.jpg", "flower": more / "flower.jpg"}
    files |= {name: wallpapers / file for file, name in WALLPAPERS.items()}
    for number, (name, file) in enumerate(files.items()):
        whole = Image.open(file).convert("RGB")
        whole.thumbnail((LARGEST_SIDE_PX, LARGEST_SIDE_PX))
        first = datetime(2021, 3, 1) + timedelta(days=int(chance.integers(0, 1_400)))
        for crop in range(1 + CROPS):
            picture = whole if crop == 0 else _cropped(whole, chance)
            moment = first + timedelta(minutes=int(chance.integers(500, 900)))
            exif = Image.Exif()
            exif[0x0110] = ("X100V", "Pixel 6", "ILCE-7M3")[number % 3]
            exif.get_ifd(0x8769)[0x9003] = f"{moment:%Y:%m:%d %H:%M:%S}"
            if name in PLACES:
                _place(exif, *PLACES[name])
            picture.save(folder / f"{name}-{crop}.jpg", quality=92, exif=exif)


def _place(exif: Image.Exif, latitude: float, longitude: float) -> None:
    gps = exif.get_ifd(0x8825)
    gps[1], gps[3] = "S" if latitude < 0 else "N", "W" if longitude < 0 else "E"
    gps[2], gps[4] = ((float(int(abs(side))), abs(side) % 1 * 60, 0.0) for side in (latitude, longitude))


def _cropped(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Return a part of a picture, in one of the usual aspects."""
    width = int(picture.width * chance.uniform(0.6, 0.9))
    height = min(picture.height, int(width / chance.choice([0.75, 1.0, 1.33, 1.5])))
    left, top = chance.integers(0, picture.width - width + 1), chance.integers(0, picture.height - height + 1)
    return picture.crop((int(left), int(top), int(left) + width, int(top) + height))


if __name__ == "__main__":
    main()
