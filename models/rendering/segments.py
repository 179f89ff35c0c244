"""Figures of seven segments, drawn: there are many displays, and few fonts of them."""

import numpy as np
from numpy.typing import NDArray

from models.rendering.opencv import cv2

#: The segments of each digit: a at the top, then clockwise to f, and g in the middle.
_SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abfgcd")
#: Fractions of a pixel that OpenCV takes, in bits.
_BITS = 4

Points = list[tuple[float, float]]


def draw_segments(rng: np.random.Generator, height: int) -> tuple[NDArray[np.uint8], ...]:
    """Masks (height, width) of ten digits in a style at random: breadth, gaps, bevels, slant, tails of 6, 7, 9."""
    width = height * rng.uniform(0.42, 0.66)
    thick = height * rng.uniform(0.07, 0.17)
    gap = height * rng.choice([0.0, rng.uniform(0, 0.03)])
    style = rng.random()
    if style < 0.35:
        segments = _bevelled(width, height, thick, gap)
    elif style < 0.6:
        segments = _square(width, height, thick, gap)
    else:
        segments = _cut(rng, width, height, thick, gap)
    slant = rng.choice([0.0, rng.uniform(0, 0.2)])
    plain = list(_SEGMENTS)
    if rng.random() < 0.3:
        plain[6] = plain[6].replace("a", "")
    if rng.random() < 0.3:
        plain[9] = plain[9].replace("d", "")
    if rng.random() < 0.35:
        plain[7] += "f"
    masks = []
    for names in plain:
        mask = np.zeros((height, int(np.ceil(width + slant * height)) + 1), np.uint8)
        for name in names:
            points = [(x + slant * (height - y), y) for x, y in segments[name]]
            scaled = np.rint(np.array(points) * 2**_BITS).astype(np.int32)
            cv2.fillPoly(mask, [scaled], 255, cv2.LINE_AA, _BITS)
        columns = np.flatnonzero(mask.any(axis=0))
        masks.append(mask[:, columns[0] :])  # a one stays at the right of its cell
    return tuple(masks)


def _bevelled(width: float, height: float, thick: float, gap: float) -> dict[str, Points]:
    """Segments whose ends meet at a slant."""
    half, middle = thick / 2, height / 2
    right, low = width - thick, height - thick
    upper = [(0, gap), (thick, thick + gap), (thick, middle - half - gap), (half, middle - gap), (0, middle - half)]
    return {
        "a": [(gap, 0), (width - gap, 0), (right - gap, thick), (thick + gap, thick)],
        "d": [(gap, height), (width - gap, height), (right - gap, low), (thick + gap, low)],
        "f": upper,
        "b": [(width - x, y) for x, y in upper],
        "e": [(x, height - y) for x, y in upper],
        "c": [(width - x, height - y) for x, y in upper],
        "g": [
            (half + gap, middle),
            (thick + gap, middle - half),
            (right - gap, middle - half),
            (width - half - gap, middle),
            (right - gap, middle + half),
            (thick + gap, middle + half),
        ],
    }


def _square(width: float, height: float, thick: float, gap: float) -> dict[str, Points]:
    """Segments that are bars, with straight ends."""

    def bar(left: float, top: float, right: float, bottom: float) -> Points:
        return [(left, top), (right, top), (right, bottom), (left, bottom)]

    half, middle, right = thick / 2, height / 2, width - thick
    inner, outer = thick + gap, width - thick - gap
    return {
        "a": bar(inner, 0, outer, thick),
        "d": bar(inner, height - thick, outer, height),
        "g": bar(inner, middle - half, outer, middle + half),
        "f": bar(0, half, thick, middle - gap),
        "b": bar(right, half, width, middle - gap),
        "e": bar(0, middle + gap, thick, height - half),
        "c": bar(right, middle + gap, width, height - half),
    }


def _cut(rng: np.random.Generator, width: float, height: float, thick: float, gap: float) -> dict[str, Points]:
    """Segments whose ends are cut at any slant, as on displays of glass; the left ones mirror the right ones."""
    half, middle = thick / 2, height / 2
    edge, bevel = rng.uniform(0, 0.5) * thick, rng.uniform(0.2, 1.2) * thick
    start_out, start_in = gap + rng.uniform(0.1, 1.1) * thick, gap + rng.uniform(0.8, 1.6) * thick
    end_out, end_in = (
        [middle - gap - share * half for share in shares] for shares in (rng.uniform(0, 1.2, 2), rng.uniform(0.8, 2, 2))
    )
    upper = [(0, start_out), (thick, start_in), (thick, end_in[0]), (0, end_out[0])]
    lower = [(0, start_out), (thick, start_in), (thick, end_in[1]), (0, end_out[1])]
    ends = gap + rng.uniform(0.3, 1.3, 2) * thick
    return {
        "a": [(edge, 0), (width - edge, 0), (width - edge - bevel, thick), (edge + bevel, thick)],
        "d": [
            (edge, height),
            (width - edge, height),
            (width - edge - bevel, height - thick),
            (edge + bevel, height - thick),
        ],
        "f": upper,
        "b": [(width - x, y) for x, y in upper],
        "e": [(x, height - y) for x, y in lower],
        "c": [(width - x, height - y) for x, y in lower],
        "g": [
            (ends[0], middle - half),
            (width - ends[0], middle - half),
            (width - ends[1], middle + half),
            (ends[1], middle + half),
        ],
    }
