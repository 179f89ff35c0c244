"""The face of a meter, flat and evenly lit: wheels of a drum, a display of segments, or printed digits.

A face is a picture in its own pixels, in which a cell, the window of one digit, is 96 pixels high. What a camera makes
of it is in `models.rendering.photos`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.rendering.drums import Counter, draw_wheel
from models.rendering.fonts import FontBook, Glyphs, scaled_mask, text_mask
from models.rendering.opencv import cv2
from models.rendering.surfaces import Colour, Image, blend, colour, contrasting, rough_surface

Kind = Literal["drum", "display", "printed"]
KINDS: tuple[Kind, ...] = ("drum", "display", "printed")

#: Pixels of a cell's height in a face.
CELL = 96
#: How often a face is a drum, a display and printed, where nothing is asked for.
_SHARES = (0.62, 0.2, 0.18)
#: Texts of a face, beside letters at random.
_TEXTS = (
    "m³",
    "kWh",
    "WATER",
    "Qn 2.5",
    "GAS",
    "m3",
    "IP65",
    "CLASS B",
    "No.",
    "230V",
    "50Hz",
    "TYPE",
    "EN 14154",
    "L/min",
)


@dataclass(frozen=True)
class Cell:
    """The place of one digit in a face.

    `window` is what is open, and `ink` the box of the digit at rest: (left, top, right, bottom) in pixels.
    `position` is the wheel's, from 0 up to 10: 3.4 is 0.4 of a turn beyond the three. `contrast` is what
    the digit's colour has more than its ground's, in red, green and blue.
    """

    window: tuple[float, float, float, float]
    ink: tuple[float, float, float, float]
    position: float
    contrast: Colour


@dataclass(frozen=True)
class Face:
    """A meter's face (h, w, 3) float32 from 0 to 255, its cells in order, and the reading that they show."""

    image: Image
    kind: Kind
    cells: tuple[Cell, ...]
    reading: str


@dataclass(frozen=True)
class _Layout:
    """Pixels of the row: the cells' width, the space between two, and what is around the row."""

    width: int
    gap: int
    left: int
    top: int
    size: tuple[int, int]

    def window(self, index: int) -> tuple[int, int, int, int]:
        left = self.left + index * (self.width + self.gap)
        return left, self.top, left + self.width, self.top + CELL


def draw_face(
    rng: np.random.Generator,
    fonts: FontBook,
    digits: int,
    kind: Kind | None = None,
    spun: float = 0.0,
    count: float | None = None,
) -> Face:
    """A face at random with so many digits, in one of the fonts that suits its kind.

    The share `spun` of drums have wheels that stand anywhere (`Counter.spun`); a drum shows `count`, if that is given.

    A display takes fonts of segments where there are some, a drum and print the others.
    """
    kind = kind or KINDS[rng.choice(len(KINDS), p=_SHARES)]
    glyphs = fonts.choose(rng, segmented=kind == "display")
    widest = max(mask.shape[1] for mask in glyphs.masks) / CELL
    across = widest * rng.uniform(0.85, 1.15)
    tall = rng.uniform(0.55, 0.86) * CELL  # pixels of a digit's height
    room = rng.uniform(1.05, 1.7) if kind == "drum" else rng.uniform(1.08, 1.35)
    width = int(np.clip(across * tall * room, 0.36 * CELL, 1.3 * CELL))
    gap = int(CELL * (rng.choice([0.0, 0.02, 0.06, 0.15, 0.3]) if kind == "drum" else rng.uniform(0, 0.06)))
    margins = [int(CELL * each) for each in rng.uniform((0.3, 0.25, 0.3, 0.25), (1.4, 1.2, 1.4, 1.2))]
    row = digits * width + (digits - 1) * gap
    layout = _Layout(
        width, gap, margins[0], margins[1], (CELL + margins[1] + margins[3], row + margins[0] + margins[2])
    )
    size = (across * tall, tall)
    if kind == "drum":
        counter = Counter.spun(rng, digits) if rng.random() < spun else Counter.at_random(rng, digits)
        if count is not None:  # nothing else may change: the counter is drawn all the same, and so are later numbers
            counter = Counter.of(count, digits)
        image, cells, reading = _draw_drum(rng, glyphs, layout, counter, size)
    else:
        draw = _draw_display if kind == "display" else _draw_print
        image, cells, reading = draw(rng, glyphs, layout, digits, size)
    _write_around(rng, image, layout, glyphs.font if glyphs.font and rng.random() < 0.3 else fonts.any(rng))
    return Face(image, kind, cells, reading)


def _draw_drum(
    rng: np.random.Generator, glyphs: Glyphs, layout: _Layout, counter: Counter, size: tuple[float, float]
) -> tuple[Image, tuple[Cell, ...], str]:
    """Wheels behind windows in a plate; the last ones may have another colour, as decimals do."""
    plate = colour(rng)
    image = rough_surface(rng, layout.size, plate)
    digits = len(counter.positions)
    pitch = max(size[1] * rng.uniform(1.12, 1.6), 0.8 * CELL)
    drum, ink = contrasting(rng)
    decimals = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    decimal_colours = contrasting(rng, red=True)
    sag = rng.normal(0, 0.02, digits) * CELL
    depth = rng.uniform(0, 0.6)
    cells = []
    for index, position in enumerate(counter.positions):
        paint, strokes = decimal_colours if index >= digits - decimals else (drum, ink)
        left, top, right, bottom = layout.window(index)
        wheel = draw_wheel(
            rng,
            glyphs,
            position,
            (CELL, layout.width),
            size,
            pitch,
            paint,
            strokes,
            counter.downwards,
            sag[index],
            depth,
        )
        image[top:bottom, left:right] = wheel
        cells.append(_cell(layout, index, position, size, sag[index], strokes - paint))
    _draw_frames(rng, image, layout, digits, decimals)
    return image, tuple(cells), counter.reading


def _draw_display(
    rng: np.random.Generator, glyphs: Glyphs, layout: _Layout, digits: int, size: tuple[float, float]
) -> tuple[Image, tuple[Cell, ...], str]:
    """Segments: dark on a grey or greenish glass, or shining on dark; the others may be seen faintly."""
    image = rough_surface(rng, layout.size, colour(rng))
    if rng.random() < 0.7:
        glass: Colour = np.array([rng.uniform(120, 225)] * 3) * rng.uniform((0.85, 0.95, 0.7), (1, 1.05, 0.98))
        ink: Colour = glass * rng.uniform(0.1, 0.45)
    else:
        glass = np.array([rng.uniform(5, 50)] * 3) * rng.uniform(0.7, 1.2, 3)
        ink = np.array([(255, 60, 40), (60, 255, 90), (240, 240, 255), (90, 160, 255), (255, 190, 40)][rng.integers(5)])
        ink = ink * rng.uniform(0.6, 1.0)
    border = int(rng.uniform(0.05, 0.25) * CELL)
    left, top, _, bottom = layout.window(0)
    right = layout.window(digits - 1)[2]
    image[max(top - border, 0) : bottom + border, max(left - border, 0) : right + border] = glass
    ghosts = rng.uniform(0.02, 0.14) if rng.random() < 0.4 else 0.0
    values = rng.integers(0, 10, digits)
    cells = []
    for index, digit in enumerate(values):
        if ghosts:
            _draw_digit(image, glyphs, 8, layout, index, size, ink, ghosts)
        _draw_digit(image, glyphs, int(digit), layout, index, size, ink, 1.0)
        cells.append(_cell(layout, index, float(digit), size, 0.0, ink - glass))
    if rng.random() < 0.35:
        _, _, x, y = layout.window(int(rng.integers(max(digits - 3, 1), digits + 1)) - 1)
        dot = max(2, int(0.05 * CELL))
        cv2.circle(
            image, (x + layout.gap // 2, int(y - (CELL - size[1]) / 2 - dot)), dot, ink.tolist(), -1, cv2.LINE_AA
        )
    return image, tuple(cells), "".join(map(str, values))


def _draw_print(
    rng: np.random.Generator, glyphs: Glyphs, layout: _Layout, digits: int, size: tuple[float, float]
) -> tuple[Image, tuple[Cell, ...], str]:
    """Digits on paper, plastic or metal, side by side."""
    ground, ink = contrasting(rng)
    image = rough_surface(rng, layout.size, ground)
    values = rng.integers(0, 10, digits)
    worn = rng.uniform(0.75, 1.0)
    cells = []
    for index, digit in enumerate(values):
        _draw_digit(image, glyphs, int(digit), layout, index, size, ink, worn)
        cells.append(_cell(layout, index, float(digit), size, 0.0, ink - ground))
    return image, tuple(cells), "".join(map(str, values))


def _draw_digit(
    image: Image, glyphs: Glyphs, digit: int, layout: _Layout, index: int, size: tuple[float, float],
    ink: Colour, strength: float,
) -> None:  # fmt: skip
    mask = scaled_mask(glyphs, digit, size)
    left, top, right, bottom = layout.window(index)
    # Segments stand where the display has them: the one is at the right of its cell.
    x = (left + right - mask.shape[1]) / 2
    if glyphs.segmented:
        x = (left + right + size[0]) / 2 - mask.shape[1]
    blend(image, mask, (round(x), round((top + bottom - mask.shape[0]) / 2)), ink, strength)


def _cell(
    layout: _Layout, index: int, position: float, size: tuple[float, float], sag: float, contrast: Colour
) -> Cell:
    left, top, right, bottom = layout.window(index)
    x, y = (left + right) / 2, (top + bottom) / 2 + sag
    ink = (x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
    return Cell((left, top, right, bottom), ink, position, contrast)


def _draw_frames(rng: np.random.Generator, image: Image, layout: _Layout, digits: int, decimals: int) -> None:
    """What surrounds the windows: lines of a frame, the shadow it throws, lines between wheels."""
    style = rng.random()
    line, thickness = colour(rng).tolist(), int(rng.integers(1, 7))
    if style < 0.45:
        for index in range(digits):
            left, top, right, bottom = layout.window(index)
            cv2.rectangle(image, (left - 1, top - 1), (right, bottom), line, thickness)
    elif style < 0.7:
        left, top, right, bottom = layout.window(0)
        cv2.rectangle(image, (left - 1, top - 1), (layout.window(digits - 1)[2], bottom), line, thickness)
    if decimals and rng.random() < 0.5:
        left, top, _, bottom = layout.window(digits - decimals)
        red = (rng.uniform(140, 230), rng.uniform(20, 70), rng.uniform(20, 70))
        cv2.rectangle(image, (left - 2, top - 2), (layout.window(digits - 1)[2] + 1, bottom + 1), red, thickness)
    if rng.random() < 0.5:
        shade = int(rng.uniform(0.03, 0.16) * CELL)
        falling = np.linspace(rng.uniform(0.3, 0.8), 1, shade)[:, None, None]
        for index in range(digits):
            left, top, right, _ = layout.window(index)
            image[top : top + shade, left:right] *= falling


def _write_around(rng: np.random.Generator, image: Image, layout: _Layout, font: Path) -> None:
    """Texts and screws above and below the row, where there is room for them."""
    height, width = image.shape[:2]
    for free in ((0, layout.top), (layout.top + CELL, height)):
        room = free[1] - free[0] - 10
        if room < 16 or rng.random() < 0.3:
            continue
        tall = int(rng.uniform(12, min(room, 60)))
        for _ in range(int(rng.integers(1, 4))):
            text = str(rng.choice(_TEXTS)) if rng.random() < 0.6 else "".join(map(chr, rng.integers(65, 91, 4)))
            mask = text_mask(font, text, tall)
            x, y = int(rng.integers(0, max(width - mask.shape[1], 1))), free[0] + 5
            if mask.shape[0] <= room:
                around = image[y : y + mask.shape[0], x : x + mask.shape[1]]
                if around.size:
                    blend(image, mask, (x, y), np.array([230.0] * 3 if around.mean() < 128 else [25.0] * 3), 0.9)
    if rng.random() < 0.4:
        for x in (layout.left // 2, width - layout.left // 2):
            radius = int(rng.uniform(6, 16))
            cv2.circle(image, (x, layout.top + CELL // 2), radius, colour(rng).tolist(), -1, cv2.LINE_AA)
            cv2.circle(image, (x, layout.top + CELL // 2), radius, (30, 30, 30), 1, cv2.LINE_AA)
