"""Which fonts draw a line of text on a contact sheet: Pillow's own knows English, the system's know more."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from PIL import ImageFont

from ..library.images.metadata.image_text import printable

FONTS = (
    # Linux
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc"),
    *("DroidSansFallbackFull.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "FreeSans.ttf"),
    *("NotoSansDevanagari-Regular.ttf", "NotoSansBengali-Regular.ttf", "NotoSansThai-Regular.ttf", "unifont.otf"),
    # macOS
    *("Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Medium.ttc", "AppleSDGothicNeo.ttc"),
    *("Thonburi.ttc", "Kohinoor.ttc", "KohinoorBangla.ttc"),
    # Windows
    *("segoeui.ttf", "msyh.ttc", "YuGothR.ttc", "malgun.ttf", "Nirmala.ttf", "LeelawUI.ttf"),
)
"""Fonts that systems bring, or people install for their scripts; Pillow knows the folders where they are."""

Font: TypeAlias = "ImageFont.ImageFont | ImageFont.FreeTypeFont"

_IN_NO_FONT = "\U0010ffff"
"""Not a character: fonts draw a box, or nothing, in its place."""

_GOES_ALONG = {"Mn", "Me", "Cf", "Zs"}
"""Marks, joiners and blanks are drawn by the font of the letter before."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters that one font draws."""

    text: str
    font: Font

    @property
    def width_px(self) -> float:
        """How far the next run starts from this one."""
        return float(self.font.getlength(self.text))


def runs_of(text: str, size: int) -> list[Run]:
    """Divide a line among as few fonts as will do.

    A letter that none of them draws loses its accents, or else is spelt by its number, as in Python.
    """
    line = _composed(text)
    main = max(_fonts(size), key=lambda font: sum(_has(font, letter) for letter in set(line)))
    found: list[Run] = []
    for letter in line:
        font = main if _has(main, letter) else _font_for(letter, size)
        written = letter if font is not None else _spelt(letter, size)
        font = font or _own_font(size)
        if found and (font is found[-1].font or unicodedata.category(letter) in _GOES_ALONG):
            found[-1] = Run(found[-1].text + written, found[-1].font)
        else:
            found.append(Run(written, font))
    return found


def letters_without_font(text: str) -> str:
    """The letters of a text, each once, that no font of this computer draws, not even without their accents."""
    size = 18  # any: a font has the same letters at all sizes
    return "".join(
        letter
        for letter in dict.fromkeys(_composed(text))
        if unicodedata.category(letter) not in _GOES_ALONG
        and _font_for(letter, size) is None
        and not _is_drawn(_without_accents(letter), size)
    )


def _composed(text: str) -> str:
    # Lone surrogates stand for bytes of a name that are no text; a font cannot draw them.
    return unicodedata.normalize("NFC", printable(text).encode(errors="replace").decode())


def _spelt(letter: str, size: int) -> str:
    plain = _without_accents(letter)
    return plain if _is_drawn(plain, size) else letter.encode("ascii", "backslashreplace").decode()


def _without_accents(letter: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(each))


def _is_drawn(letters: str, size: int) -> bool:
    return bool(letters) and all(_has(_own_font(size), each) for each in letters)


def _font_for(letter: str, size: int) -> Font | None:
    return next((font for font in _fonts(size) if _has(font, letter)), None)


def _fonts(size: int) -> list[Font]:
    return [_own_font(size), *(font for name in FONTS if (font := _system_font(name, size)) is not None)]


@lru_cache
def _own_font(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=4 * len(FONTS))
def _system_font(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_IN_NO_FONT))
