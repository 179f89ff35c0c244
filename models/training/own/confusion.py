"""What a network takes for what: counts by class, and a picture of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Counts (classes, classes): a row for each true class, a column for each that the network named.
Counts = NDArray[np.int64]

#: Pixels of a cell's side, of the margin for the labels, and of the letters.
_CELL, _MARGIN, _LETTERS = 44, 130, 14
#: Characters of a label that are drawn, at most.
_MOST_CHARACTERS = 14
#: Colours of a cell that holds all of its row: what is right, and what is wrong; and those of paper and ink.
_RIGHT, _WRONG, _PAPER, _INK = (46, 125, 90), (200, 70, 40), (255, 255, 255), (30, 30, 30)


def count(truth: NDArray[np.int64], named: NDArray[np.int64], classes: int) -> Counts:
    """How often each class (row) was named as each class (column)."""
    counts: Counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, named), 1)
    return counts


def draw(counts: Counts, labels: Sequence[str], path: Path) -> None:
    """A PNG of counts: a row for each true class, a column for each that was named, darker the larger its share.

    Classes that neither occurred nor were named are left out.
    """
    seen = [index for index in range(len(labels)) if counts[index].sum() + counts[:, index].sum()]
    counts, names = counts[np.ix_(seen, seen)], [labels[index][:_MOST_CHARACTERS] for index in seen]
    side = _MARGIN + _CELL * len(names)
    image = Image.new("RGB", (side + _CELL, side + _CELL), _PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=_LETTERS)
    pen.text((8, 8), "down: what it is\nacross: as what\nit was read", fill=_INK, font=font)
    for row, name in enumerate(names):
        middle = _MARGIN + _CELL * row + _CELL // 2
        pen.text((_MARGIN - 10, middle), name, fill=_INK, font=font, anchor="rm")
        image.paste(_turned(name, font), (middle - _LETTERS, 0))
        total = max(int(counts[row].sum()), 1)
        for column in range(len(names)):
            _draw_cell(pen, font, row, column, int(counts[row, column]), counts[row, column] / total)
    image.save(path, "PNG")


def _turned(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    """A column's label, written upwards, that ends above the cells."""
    line = Image.new("RGB", (_MARGIN - 10, 2 * _LETTERS), _PAPER)
    ImageDraw.Draw(line).text((0, _LETTERS), name, fill=_INK, font=font, anchor="lm")
    return line.transpose(Image.Transpose.ROTATE_90)


def _draw_cell(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    row: int,
    column: int,
    number: int,
    share: float,
) -> None:
    left, top = _MARGIN + _CELL * column, _MARGIN + _CELL * row
    full = _RIGHT if row == column else _WRONG
    strength = 0.0 if not number else 0.15 + 0.85 * share  # a single mistake is to be seen
    colour = tuple(round(paper + (ink - paper) * strength) for paper, ink in zip(_PAPER, full, strict=True))
    pen.rectangle((left, top, left + _CELL - 2, top + _CELL - 2), fill=colour, outline=(225, 225, 225))
    if number:
        ink = _PAPER if strength > 0.6 else _INK
        pen.text((left + _CELL // 2, top + _CELL // 2), str(number), fill=ink, font=font, anchor="mm")
