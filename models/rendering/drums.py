"""Drums: wheels that turn each other on, and what their windows show."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.rendering.fonts import Glyphs, scaled_mask
from models.rendering.opencv import cv2
from models.rendering.surfaces import Colour, Image, blend, rough_surface

#: The share of a turn at which a wheel shows the next digit rather than this one or two: `models/meter/README.md`.
NEXT_DIGIT = 0.7
#: Turns from there within which people disagree.
_DISAGREEMENT = 0.08
#: Spread of a wheel's place around where it should be, in turns: gears have play, and are put together by hand.
_PLAY = 0.025


@dataclass(frozen=True)
class Counter:
    """Wheels' positions from 0 up to 10, the most significant first, and the reading that they show.

    The last wheel turns steadily. Each other one turns on while the wheel at its right goes from nine to zero.
    """

    positions: tuple[float, ...]
    reading: str
    downwards: bool

    @classmethod
    def at_random(cls, rng: np.random.Generator, wheels: int) -> Self:
        """A count at random: its last wheel rests mostly, and is between two digits now and then.

        Where people disagree whether the next digit is shown, it never is.
        """
        kind = rng.random()
        turn = rng.normal(0, 0.03) if kind < 0.6 else rng.uniform(-0.2, 0.2) if kind < 0.88 else rng.random()
        if abs(turn % 1 - NEXT_DIGIT) < _DISAGREEMENT:
            turn = 0.0
        value = int(rng.integers(0, 10**wheels))
        if rng.random() < 0.15:  # nines at the end are rare, and turn other wheels
            value = value // 100 * 100 + 99
        positions = cls.of(value + turn, wheels).positions
        loose = tuple(float((place + rng.normal(0, _PLAY)) % 10) for place in positions)
        return cls(loose, shown(value + turn, wheels), bool(rng.random() < 0.15))

    @classmethod
    def spun(cls, rng: np.random.Generator, wheels: int) -> Self:
        """Wheels that each stand anywhere, as none do, so that a network learns all places of all digits."""
        positions = tuple(float(place) for place in rng.uniform(0, 10, wheels))
        return cls(
            positions, "".join(str(int(place + 1 - NEXT_DIGIT) % 10) for place in positions), bool(rng.random() < 0.15)
        )

    @classmethod
    def of(cls, count: float, wheels: int) -> Self:
        """Where wheels stand at a count in units of the last wheel, parts of a unit included."""
        count %= 10**wheels
        positions = [count % 10]
        for place in range(1, wheels):
            carried = max(positions[-1] - 9, 0.0)
            positions.append(float(int(count / 10**place) % 10 + carried))
        return cls(tuple(reversed(positions)), shown(count, wheels), False)


def shown(count: float, wheels: int) -> str:
    """The reading of wheels at a count: one that is 0.7 of a turn or more beyond a digit shows the next one."""
    return f"{int(np.floor(count + 1 - NEXT_DIGIT)) % 10**wheels:0{wheels}d}"


def draw_wheel(
    rng: np.random.Generator,
    glyphs: Glyphs,
    position: float,
    window: tuple[int, int],
    size: tuple[float, float],
    pitch: float,
    paint: Colour,
    ink: Colour,
    downwards: bool,
    sag: float,
    depth: float,
) -> Image:
    """What a window (height, width) shows of a wheel at a position, as (height, width, 3) float32.

    A digit is `size` = (width, height) pixels and the next one `pitch` pixels from it; `sag` moves all down.
    The wheel is round: it gets darker towards the window's top and bottom by the share `depth`.
    """
    height, width = window
    wheel = rough_surface(rng, window, paint)
    nearest = round(position)
    for step in (-1, 0, 1):
        mask = scaled_mask(glyphs, (nearest + step) % 10, size)
        away = (nearest + step - position) * pitch * (-1 if downwards else 1)
        top = height / 2 + away + sag - mask.shape[0] / 2
        blend(wheel, mask, (round((width - mask.shape[1]) / 2), round(top)), ink, 1.0)
    # The window shows so many degrees of the wheel's round; rows near its edges are seen at a slant.
    rows = np.linspace(-1, 1, height)
    bend = rng.uniform(0.3, 0.75)
    seen = np.arcsin(bend * rows) / np.arcsin(bend)
    columns = np.tile(np.arange(width, dtype=np.float32), (height, 1))
    source = np.tile(((seen + 1) / 2 * (height - 1)).astype(np.float32)[:, None], (1, width))
    bent: Image = cv2.remap(wheel, columns, source, cv2.INTER_LINEAR)
    return bent * (1 - depth * rows**2).astype(np.float32)[:, None, None]
