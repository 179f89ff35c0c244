"""A picture of three digits in a row, and the region file that a proposal would be."""

import numpy as np

from common.pictures.picture import Picture
from models.samples import load_samples

#: The regions of `digits_picture`.
PROPOSAL = """
[picture]
size = [320, 240]

[[region]]
name = "d1"
box = [40, 80, 56, 56]

[[region]]
name = "d2"
box = [120, 80, 56, 56]

[[region]]
name = "d3"
box = [200, 80, 56, 56]

[[reading]]
name = "water"
regions = ["d1", "d2", "d3"]
unit = "m³"
"""


def digits_picture() -> Picture:
    """The first three sample digits, dark on light, uint8 (240, 320, 1)."""
    picture = np.full((240, 320, 1), 225, np.uint8)
    for number, frame in enumerate(load_samples("digits").frames[:3]):
        left = 40 + 80 * number
        large = np.repeat(np.repeat(frame.reshape(28, 28, 1), 2, axis=0), 2, axis=1)
        picture[80:136, left : left + 56] = 225 - (large * 0.8).astype(np.uint8)
    return picture
