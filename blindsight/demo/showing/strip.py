"""What each party of a demo holds, as one picture: what the camera saw, the ciphertext as noise, and the reading."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from blindsight.demo.showing.noise import noise_picture

#: Pixels: the size of each panel, the space around it, and the height of the line above all.
_PANEL, _SPACE, _HEAD = (400, 300), 16, 56
#: Pixels of the noise's side before it is drawn larger, so that single bytes can be seen.
_NOISE = (100, 75)
#: Heights of letters in pixels: of headlines, of the reading, and of what stands below it.
_SMALL, _LARGE, _MIDDLE = 19, 68, 20
#: Colours: ground, letters, faint letters, and the ground of the reading's panel.
_GROUND, _INK, _FAINT, _DISPLAY = "#f6f5f1", "#1c1c1c", "#6a6a6a", "#ffffff"
#: What stands above the panels.
_HEADS = ("what the camera sees", "what broker, bridge, Redis and workers see", "what the key holder reads")


@dataclass(frozen=True)
class Moment:
    """A picture (h, w, 3) uint8, the ciphertext of its burst, the reading's text, and a line on how it came about."""

    picture: NDArray[np.uint8]
    ciphertext: bytes
    reading: str
    note: str


def draw_strip(moments: Sequence[Moment]) -> Image.Image:
    """One row of three panels for each moment."""
    width, height = _PANEL
    canvas = Image.new("RGB", (3 * width + 4 * _SPACE, _HEAD + len(moments) * (height + _SPACE)), _GROUND)
    draw = ImageDraw.Draw(canvas)
    for column, head in enumerate(_HEADS):
        place = (_SPACE + column * (width + _SPACE) + width // 2, _HEAD // 2)
        draw.text(place, head, _INK, ImageFont.load_default(_SMALL), anchor="mm")
    for row, moment in enumerate(moments):
        top = _HEAD + row * (height + _SPACE)
        seen = Image.fromarray(moment.picture).resize(_PANEL, Image.Resampling.LANCZOS)
        noise = Image.fromarray(noise_picture(moment.ciphertext, _NOISE)[..., 0])
        panels = (seen, noise.resize(_PANEL, Image.Resampling.NEAREST), _display(moment))
        for column, panel in enumerate(panels):
            canvas.paste(panel, (_SPACE + column * (width + _SPACE), top))
    return canvas


def _display(moment: Moment) -> Image.Image:
    width, height = _PANEL
    panel = Image.new("RGB", _PANEL, _DISPLAY)
    draw = ImageDraw.Draw(panel)
    draw.text((width // 2, height // 2 - 16), moment.reading, _INK, ImageFont.load_default(_LARGE), anchor="mm")
    draw.text((width // 2, height // 2 + 52), moment.note, _FAINT, ImageFont.load_default(_MIDDLE), anchor="mm")
    return panel
