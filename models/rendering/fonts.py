"""Fonts for rendered digits: found in folders, checked for their figures, and split into training and test fonts."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from common.errors import ConfigurationError
from models.rendering.opencv import cv2
from models.rendering.segments import draw_segments

#: The fonts that ship, so that photos can be rendered on any machine.
SHIPPED = Path(__file__).parent / "fonts"
#: Families that training never sees: beginnings of font files' names, in small letters and without marks.
_TEST_FAMILIES = SHIPPED / "test_families.txt"

Split = Literal["all", "training", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_SUFFIXES = (".ttf", ".otf", ".woff", ".woff2")
_DIGITS = "0123456789"
#: Pixels of a figure's height in the masks.
_HEIGHT = 96
#: Pixels of the letters by which a font's size is found.
_PROBE = 200
#: How much lower than the tallest figure the lowest may be, as a share: text figures have descenders, drums don't.
_LEVEL = 0.90
#: The share of displays whose segments are drawn.
_DRAWN = 0.65
#: Shares of a figure's box that are ink, at least and at most, on average: hairlines and blobs are no meter's.
_LEAST_INK, _MOST_INK = 0.16, 0.72


@dataclass(frozen=True)
class Glyphs:
    """Ten figures: masks (96, width) uint8, 255 is ink, all with the same top and bottom; of a font, or drawn."""

    font: Path | None
    masks: tuple[NDArray[np.uint8], ...]
    #: Whether these are the segments of a display, as far as a font's name says so.
    segmented: bool


class FontBook:
    """Fonts by family, of which each is as likely as another, however many weights it has.

    With `drawn`, most displays have segments that are drawn in a style at random, not those of a font.
    """

    def __init__(self, fonts: Iterable[Path], *, drawn: bool = False) -> None:
        self.fonts, self.drawn = tuple(fonts), drawn
        families: dict[tuple[bool, str], list[Path]] = {}
        for font in self.fonts:
            families.setdefault((_is_segmented(font), family_of(font)), []).append(font)
        self._segmented = [members for (segmented, _), members in families.items() if segmented]
        self._others = [members for (segmented, _), members in families.items() if not segmented]

    def choose(self, rng: np.random.Generator, *, segmented: bool) -> Glyphs:
        """The figures of a font at random, with a display's segments or without where there is one."""
        if segmented and self.drawn and rng.random() < _DRAWN:
            return Glyphs(None, draw_segments(rng, _HEIGHT), True)
        families = (self._segmented if segmented else self._others) or self._others or self._segmented
        members = families[rng.integers(len(families))]
        glyphs = load_glyphs(members[rng.integers(len(members))])
        assert glyphs is not None, "find_fonts leaves out fonts without figures"
        return glyphs

    def any(self, rng: np.random.Generator) -> Path:
        """A font at random, for letters."""
        return self.fonts[rng.integers(len(self.fonts))]


def family_of(font: Path) -> str:
    """A font's family, as far as its file's name says so."""
    return font.stem.split("-")[0]


def _is_segmented(font: Path) -> bool:
    return "seg7" in _plain(font.stem) or "seg14" in _plain(font.stem)


def find_fonts(folders: Iterable[Path], split: Split = "all") -> FontBook:
    """The fonts in folders, sorted by name, that are in a split and have figures for a meter.

    Displays get drawn segments, too, but for tests: there they have fonts that training never saw.

    Raises `ConfigurationError` when there are none.
    """
    places = list(folders)
    files = sorted(
        (path for folder in places for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES),
        key=lambda path: (path.name, str(path)),
    )
    unique = {path.name: path for path in files}.values()
    chosen = [path for path in unique if split in ("all", _split_of(path)) and _has_figures(path)]
    if not chosen:
        named = ", ".join(map(str, places))
        raise ConfigurationError(
            f"fonts is {named}, which holds no {'' if split == 'all' else split + ' '}font with upright figures of "
            f"even height; give a folder with {', '.join(_SUFFIXES)} files, such as /usr/share/fonts"
        )
    return FontBook(chosen, drawn=split != "test")


def parse_split(text: str) -> Split:
    """A split by its name. Raises `ConfigurationError`."""
    for split in SPLITS:
        if text == split:
            return split
    raise ConfigurationError(f"split is {text!r}; give {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")


@lru_cache(maxsize=2048)
def load_glyphs(font: Path) -> Glyphs | None:
    """The figures of a font; None where it has none that a meter could show."""
    try:
        probe = ImageFont.truetype(font, _PROBE)
        heights = [probe.getbbox(each) for each in _DIGITS]
    except (OSError, ValueError):
        return None
    tops, bottoms = [box[1] for box in heights], [box[3] for box in heights]
    tallest = max(bottom - top for top, bottom in zip(tops, bottoms, strict=True))
    if tallest <= 0 or min(bottoms) - max(tops) < _LEVEL * tallest or max(bottoms) - min(tops) > tallest / _LEVEL:
        return None
    scaled = ImageFont.truetype(font, round(_PROBE * _HEIGHT / (max(bottoms) - min(tops))))
    masks = tuple(_mask(scaled, each) for each in _DIGITS)
    ink = np.mean([mask.mean() / 255 for mask in masks if mask.size])
    same = any(np.array_equal(masks[0], other) for other in masks[1:])
    if same or any(mask.shape[1] < 6 for mask in masks) or not _LEAST_INK <= ink <= _MOST_INK:
        return None
    return Glyphs(font, masks, _is_segmented(font))


def scaled_mask(glyphs: Glyphs, digit: int, size: tuple[float, float]) -> NDArray[np.uint8]:
    """A digit's mask, where the font's widest digit is `size` = (width, height) pixels."""
    widest = max(mask.shape[1] for mask in glyphs.masks)
    mask = glyphs.masks[digit]
    width = max(2, round(mask.shape[1] * size[0] / widest))
    scaled: NDArray[np.uint8] = cv2.resize(mask, (width, round(size[1])), interpolation=cv2.INTER_AREA)
    return scaled


def text_mask(font: Path, text: str, height: int) -> NDArray[np.uint8]:
    """Text in a font, as a mask (h, w) uint8 of about so many pixels' height."""
    loaded = _sized(font, height)
    left, top, right, bottom = loaded.getbbox(text)
    image = Image.new("L", (max(1, int(right - left) + 2), max(1, int(bottom - top) + 2)))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, loaded)
    return np.asarray(image)


@lru_cache(maxsize=256)
def _sized(font: Path, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font, height)


def _mask(font: ImageFont.FreeTypeFont, digit: str) -> NDArray[np.uint8]:
    """One figure, cut off at its left and right, and 96 pixels high from the tallest figure's top."""
    boxes = [font.getbbox(each) for each in _DIGITS]
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    left, _, right, _ = font.getbbox(digit)
    image = Image.new("L", (max(1, int(right - left)), int(bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), digit, 255, font)
    return np.asarray(image.resize((image.width, _HEIGHT), Image.Resampling.BILINEAR))


def _has_figures(font: Path) -> bool:
    return load_glyphs(font) is not None


def _split_of(font: Path) -> Split:
    name = _plain(font.stem)
    return "test" if any(name.startswith(family) for family in _test_families()) else "training"


@lru_cache(maxsize=1)
def _test_families() -> tuple[str, ...]:
    lines = _TEST_FAMILIES.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
