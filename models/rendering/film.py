"""A film of one meter that counts: the same meter in the same light, picture after picture."""

from collections.abc import Iterable, Iterator

import numpy as np

from models.rendering.faces import Kind
from models.rendering.fonts import FontBook
from models.rendering.photos import Photo, take_photo


def film(
    seed: int,
    fonts: FontBook,
    counts: Iterable[float],
    *,
    size: tuple[int, int] = (640, 480),
    digits: int = 5,
    kind: Kind = "drum",
    hardest: float = 0.35,
) -> Iterator[Photo]:
    """A photo of `size` = (width, height) pixels for each count, in units of the last wheel, parts of a unit included.

    The seed chooses the meter, its place and its light, which stay. How badly it is seen is at most `hardest`, from 0
    to 1.
    """
    for count in counts:
        rng = np.random.default_rng(seed)
        yield take_photo(rng, fonts, size, digits, kind=kind, row_share=(0.5, 0.75), count=count, hardest=hardest)
