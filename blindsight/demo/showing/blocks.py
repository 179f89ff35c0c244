"""Pictures in a terminal: each character shows two pixels, one above the other."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.style import Style
from rich.text import Text

#: The character whose upper half has the letter's colour, and whose lower half has the ground's.
_UPPER_HALF = "▀"


def blocks(picture: NDArray[np.uint8], columns: int) -> Text:
    """A picture (h, w, 1 or 3) uint8, so many characters wide and in its own proportions."""
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
    rows = max(1, round(columns * image.height / image.width / 2))
    pixels = np.asarray(image.resize((columns, 2 * rows), Image.Resampling.BOX))
    text = Text(no_wrap=True)
    for row in range(rows):
        for upper, lower in zip(pixels[2 * row], pixels[2 * row + 1], strict=True):
            text.append(_UPPER_HALF, Style(color=_name(upper), bgcolor=_name(lower)))
        text.append("\n" if row + 1 < rows else "")
    return text


def _name(pixel: NDArray[np.uint8]) -> str:
    return f"#{pixel[0]:02x}{pixel[1]:02x}{pixel[2]:02x}"
