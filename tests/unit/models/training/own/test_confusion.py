"""What is taken for what: counted by class, and drawn."""

from pathlib import Path

import numpy as np
from PIL import Image

from models.training.own.confusion import count, draw


def test_rows_are_what_it_is_and_columns_what_it_was_read_as() -> None:
    counts = count(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), 3)
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_the_picture_shows_classes_that_occur_and_every_mistake_in_colour(tmp_path: Path) -> None:
    counts = np.zeros((12, 12), np.int64)
    counts[3, 3], counts[3, 4], counts[4, 4] = 99, 1, 50
    draw(counts, [f"a long label {number}" for number in range(12)], tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.size == (130 + 3 * 44, 130 + 3 * 44)  # two classes, and a margin of a cell
        cells = ((0, 0), (1, 0), (0, 1))  # column, row
        right, wrong, empty = (image.getpixel((136 + 44 * column, 136 + 44 * row)) for column, row in cells)
    assert isinstance(right, tuple) and isinstance(wrong, tuple)
    assert right[1] > right[0]  # green
    assert wrong[0] > wrong[2]  # red, though it is one in a hundred
    assert empty == (255, 255, 255)
