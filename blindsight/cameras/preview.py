"""A picture with its regions drawn in, and beside it what a model sees of each, as one image for the user's own eyes.

All is drawn twice as large and shrunk in the end, which makes edges smooth. The font is Pillow's own.
"""

import math
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from blindsight.cameras.looking import Look, SeenRegion
from common.pictures.picture import Picture

Colour: TypeAlias = tuple[int, int, int]

#: How much larger all is drawn; the other sizes are in pixels of the image that comes out.
_LARGER = 2
#: The width, and the greatest height, of the picture in the preview.
_WIDTH, _MOST_HEIGHT = 760, 720
#: Space at the edges and between columns, and between cards.
_SPACE, _GAP = 20, 12
#: Height of the title and of a line below.
_TITLE, _LINE = 44, 30
#: Width and height of the card of a region, and the side of the two small pictures in it.
_CARD, _SIDE = (330, 102), 84
#: Columns of cards, at most; beyond, the preview grows downwards.
_MOST_COLUMNS = 4
_GROUND: Colour = (18, 21, 26)
_PANEL: Colour = (30, 35, 42)
_TEXT: Colour = (238, 241, 245)
_FAINT: Colour = (150, 160, 172)
#: The colours of regions, one after the other: apart from each other, and bright on any picture.
_ACCENTS: tuple[Colour, ...] = (
    (88, 196, 255),
    (255, 176, 64),
    (134, 226, 120),
    (255, 120, 150),
    (196, 150, 255),
    (255, 226, 92),
    (84, 226, 206),
    (255, 146, 96),
)


def draw_preview(picture: Picture, look: Look, title: str) -> Image.Image:
    """The preview of a picture (h, w, 1 or 3): its regions and, thin, its marks, a card for each region."""
    shown = _shown(picture)
    scale = shown.width / picture.shape[1]
    rows, columns = _grid(len(look.seen), shown.height // _LARGER)
    height = max(shown.height // _LARGER, rows * (_CARD[1] + _GAP) - _GAP)
    width = 2 * _SPACE + _WIDTH + columns * (_CARD[0] + _SPACE)
    canvas = Image.new("RGB", _large(width, _TITLE + height + 2 * _SPACE + _LINE * len(look.readings)), _GROUND)
    draw = ImageDraw.Draw(canvas)
    _write(draw, (_SPACE, _TITLE / 2 + 4), title, 17, _FAINT, "lm")
    canvas.paste(shown, _large(_SPACE, _TITLE))
    origin = np.array([_SPACE * _LARGER, _TITLE * _LARGER])
    for mark in look.marks:
        points = [(float(x), float(y)) for x, y in np.array((*mark, mark[0])) * scale + origin]
        draw.line(points, fill=_GROUND, width=3 * _LARGER, joint="curve")
        draw.line(points, fill=_TEXT, width=_LARGER, joint="curve")
    for number, seen in enumerate(look.seen):
        corners = np.array(seen.region.corners) * scale + origin
        _outline(draw, corners, seen.region.name, _ACCENTS[number % len(_ACCENTS)])
    for number, seen in enumerate(look.seen):
        left = 2 * _SPACE + _WIDTH + number // rows * (_CARD[0] + _SPACE)
        top = _TITLE + number % rows * (_CARD[1] + _GAP)
        _card(canvas, draw, (left, top), seen, _ACCENTS[number % len(_ACCENTS)])
    for number, sentence in enumerate(look.readings):
        _write(draw, (_SPACE, _TITLE + height + _SPACE + _LINE * (number + 0.5)), sentence, 20, _TEXT, "lm")
    return canvas.resize((canvas.width // _LARGER, canvas.height // _LARGER), Image.Resampling.LANCZOS)


def _shown(picture: Picture) -> Image.Image:
    """The picture as it is in the preview, drawn large."""
    height, width = picture.shape[:2]
    scale = min(_WIDTH / width, _MOST_HEIGHT / height) * _LARGER
    image = _image(picture)
    return image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)


def _grid(cards: int, height: int) -> tuple[int, int]:
    """Rows and columns of cards beside a picture of a height."""
    rows = max(1, (height + _GAP) // (_CARD[1] + _GAP))
    columns = min(_MOST_COLUMNS, math.ceil(cards / rows))
    rows = math.ceil(cards / columns)
    return rows, columns


def _outline(draw: ImageDraw.ImageDraw, corners: NDArray[np.float64], name: str, colour: Colour) -> None:
    """A region's sides in the picture, a dot at its top left, and its name above."""
    points = [(float(x), float(y)) for x, y in (*corners, corners[0], corners[1])]
    draw.line(points, fill=_GROUND, width=5 * _LARGER, joint="curve")
    draw.line(points, fill=colour, width=3 * _LARGER, joint="curve")
    x, y = points[0]
    draw.circle((x, y), 5 * _LARGER, fill=colour, outline=_GROUND, width=_LARGER)
    middle, top = float(corners[:, 0].mean()), float(corners[:, 1].min()) - 18 * _LARGER
    if top < (_TITLE + 12) * _LARGER:
        top = float(corners[:, 1].max()) + 18 * _LARGER
    half = draw.textlength(name, font=_font(15)) / 2 + 6 * _LARGER
    box = (middle - half, top - 11 * _LARGER, middle + half, top + 11 * _LARGER)
    draw.rounded_rectangle(box, 5 * _LARGER, fill=colour, outline=_GROUND, width=_LARGER)
    draw.text((middle, top), name, fill=_GROUND, font=_font(15), anchor="mm")


def _card(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, place: tuple[int, int], seen: SeenRegion, colour: Colour
) -> None:
    """A region's crop, the frame that the network sees, its label and its lead."""
    left, top = place
    box = (*_large(left, top), *_large(left + _CARD[0], top + _CARD[1]))
    draw.rounded_rectangle(box, 8 * _LARGER, fill=_PANEL)
    draw.rounded_rectangle((*box[:2], box[0] + 6 * _LARGER, box[3]), 3 * _LARGER, fill=colour)
    inside = top + (_CARD[1] - _SIDE) // 2
    _paste(canvas, _image(seen.crop), (left + 18, inside), Image.Resampling.BICUBIC)
    _arrow(draw, left + 18 + _SIDE + 6, top + _CARD[1] / 2)
    _paste(canvas, _image(seen.frame), (left + 18 + _SIDE + 28, inside), Image.Resampling.NEAREST)
    text = left + 18 + 2 * _SIDE + 28 + 16
    _write(draw, (text, inside + 8), seen.region.name, 15, colour, "lm")
    size = 40 if len(seen.label) <= 3 else 19
    _write(draw, (text, top + _CARD[1] / 2 + 3), _cut(seen.label), size, _TEXT, "lm")
    _write(draw, (text, inside + _SIDE - 7), f"lead {seen.lead:.1f}", 14, _FAINT, "lm")


def _paste(canvas: Image.Image, image: Image.Image, place: tuple[int, int], resampling: Image.Resampling) -> None:
    """An image in the middle of a square of `_SIDE`, as large as it fits."""
    scale = _SIDE * _LARGER / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    left, top = _large(*place)
    square = _SIDE * _LARGER
    canvas.paste(image.resize(size, resampling), (left + (square - size[0]) // 2, top + (square - size[1]) // 2))


def _arrow(draw: ImageDraw.ImageDraw, left: float, middle: float) -> None:
    points = [(left, middle - 6), (left + 8, middle), (left, middle + 6)]
    large = [(x * _LARGER, y * _LARGER) for x, y in points]
    draw.line(large, fill=_FAINT, width=2 * _LARGER, joint="curve")


def _image(values: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(values if values.shape[2] == 3 else values[:, :, 0]).convert("RGB")


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: Colour, anchor: str
) -> None:
    """A text, of which the font has the ASCII characters only."""
    plain = text.encode("ascii", "replace").decode()
    draw.text((place[0] * _LARGER, place[1] * _LARGER), plain, fill=colour, font=_font(size), anchor=anchor)


def _cut(label: str) -> str:
    return label if len(label) <= 11 else f"{label[:10]}..."


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _LARGER)


def _large(x: float, y: float) -> tuple[int, int]:
    return round(x * _LARGER), round(y * _LARGER)
