"""Crops of a picture, made alike before a model sees them.

What a camera sees of a wheel differs in light, contrast and colour; a small network shouldn't spend its
weights on that. `normalise` flattens the light, makes strokes light on dark, and puts them into the middle
of the frame, like the digits of MNIST.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError
from common.pictures.opencv import import_opencv
from common.pictures.polarity import is_light

#: How a crop is made alike: strokes of a digit, light only, or not at all.
Normalisation = Literal["digit", "light", "none"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)

#: Pixels of a crop's height while its strokes are looked for, and of its width at least and at most.
_HEIGHT, _LEAST_WIDTH, _MOST_WIDTH = 64, 24, 96
#: Pixels of that height: the blur against noise, and how broad a stroke may be; what is broader is light.
_SMOOTHING, _BROADEST = 1.0, 25
#: Variance, in grey levels squared, that brightness is given beside what the crop's colours have.
_GREY_PRIOR = np.full((3, 3), 20.0)
#: Pixels of the side in which colours are compared.
_COLOUR_SIDE = 24
#: Difference in grey levels below which there are no strokes, only noise.
_LEAST_CONTRAST = 12.0
#: Per cent of the pixels in the middle that aren't strokes' brightest.
_STROKES_FROM = 92
#: Share of the brightest strokes' brightness that strokes have where less light falls on them, at least.
_DIMMEST = 0.5
#: Shares of the strokes' brightness that become black and white.
_BLACK, _WHITE = 0.2, 0.9
#: Share of a side that is the crop's edge, and the share of a part at the edge that must lie within to be a stroke.
_EDGE, _FRAME_WITHIN = 0.14, 0.3
#: Share of a row that a rim around the crop covers at least, and pixels of its ragged inner edge.
_RIM_COVER, _RIM_RAGGED = 0.6, 2
#: Shares of the width and height in which an edge's lines are looked for, and of the side that a line covers.
_LINES_ACROSS, _LINES_DOWN, _LINE = 0.24, 0.18, 0.95
#: Share of the side within which a gap follows on a frame's line, and the share of the gap that is ink at most.
_GAP_WITHIN, _GAP = 0.2, 0.15
#: Pixels that a line may slant, and the share of ink that is left where lines are a frame's.
_SLANT, _LEAST_LEFT = 5, 0.25
#: Share of the crop's area that is ink inside of its edge, at least, or too much was taken for a frame.
_LEAST_INSIDE = 0.015
#: Share of the ink inside of the crop's edge that is left where parts are a frame's, at least: else they are a digit's.
_LEAST_KEPT = 0.3
#: Shares of the crop's height: how broad a display's segment is at most, and how far it is from the next one.
_SEGMENT, _NEAR = 0.2, 0.06
#: Ink of a display's segment, from 0 to 1, at least: pieces of frames are fainter.
_SOLID = 0.8
#: Share of its height that something within a frame has at least.
_FRAMED = 0.5
#: Pixels of a rim's breadth, on both sides together and one more.
_RIM = 7
#: Share of the crop's area below which a part is a speck.
_SPECK = 0.004
#: Share of a frame's side that a digit's box fills, a little more than in MNIST, and of the crop's height that the box
#: has at least.
_FILLED, _LEAST_BOX = 22 / 28, 0.4
#: Share of its height up to which a digit is made broader, and the factor by which it is at most.
_BROAD, _MOST_STRETCH = 0.65, 1.5
#: Share of a side by which the middle is moved, at most.
_MOST_SHIFT = 0.25
#: Share of the shorter side over which light is even.
_LIGHT = 0.5


def normalise(crop: NDArray[np.uint8], kind: Normalisation, frame_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A crop (h, w, 1 or 3) as a frame of `frame_shape` (height, width, channels).

    `digit`: light is flattened, strokes become light on dark whichever they were, what belongs to the
    drum's frame is left out, and the strokes are scaled and moved to the middle, within bounds: two halves
    of a turning wheel keep their places. `light`: light is flattened and contrast stretched, nothing moves.
    `none`: the crop is only resized.

    Raises `FrameError` for a crop of another form, and `ConfigurationError` where OpenCV isn't installed.
    """
    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] not in (1, 3) or 0 in crop.shape:
        raise FrameError(f"a crop has shape {crop.shape} and type {crop.dtype}; give (h, w, 1 or 3) and uint8")
    cv2 = import_opencv(f"normalise = {kind!r}")
    if kind == "digit":
        frame = _digit(cv2, upright_grey(cv2, crop)[0], frame_shape[:2])[..., None]
    else:
        frame = _resized(cv2, crop if kind == "none" else _even_light(cv2, crop), frame_shape[:2])
    return _with_channels(frame, frame_shape[2])


def upright_grey(cv2: Any, crop: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A crop (h, w, 1 or 3) in greys, 64 pixels high and slightly blurred, and the colour direction (c,) that they are.

    It is the direction in which neighbouring pixels differ most, as the first principal component: brightness nearly
    always, and on red drums with dark digits the one in which the digits stand out.
    """
    width = int(np.clip(round(crop.shape[1] * _HEIGHT / crop.shape[0]), _LEAST_WIDTH, _MOST_WIDTH))
    pixels = _resized(cv2, crop, (_HEIGHT, width)).astype(np.float32)
    direction = np.ones(1)
    if crop.shape[2] == 3:
        small = cv2.resize(pixels, (_COLOUR_SIDE, _COLOUR_SIDE), interpolation=cv2.INTER_AREA)
        relief = (small - cv2.GaussianBlur(small, (0, 0), _COLOUR_SIDE / 4)).reshape(-1, 3)
        component = np.linalg.eigh(relief.T @ relief / len(relief) + _GREY_PRIOR)[1][:, -1]
        direction = component * np.sign(component.sum()) / np.sqrt(3)
    grey = pixels @ direction.astype(np.float32)
    return cv2.GaussianBlur(grey, (0, 0), _SMOOTHING), direction


def _digit(cv2: Any, grey: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The strokes in a crop (64, w) of greys, light on dark, in the middle of a frame of `size`."""
    work = grey if is_light(cv2, grey) else -grey
    kernel = np.ones((_BROADEST, _BROADEST), np.uint8)
    strokes = cv2.morphologyEx(work, cv2.MORPH_TOPHAT, kernel, borderType=cv2.BORDER_REFLECT)
    brightness = max(float(np.percentile(strokes[_inside(strokes.shape)], _STROKES_FROM)), _LEAST_CONTRAST)
    # Strokes are brighter where more light falls on them; half as bright as the others at least, or they are noise.
    inner = np.zeros_like(strokes)
    inner[_inside(strokes.shape)] = strokes[_inside(strokes.shape)]
    nearby = cv2.blur(cv2.dilate(inner, kernel), kernel.shape, borderType=cv2.BORDER_REFLECT)
    level = np.clip(nearby, _DIMMEST * brightness, brightness)
    ink = np.clip((strokes / level - _BLACK) / (_WHITE - _BLACK), 0, 1)
    ink *= _without_lines(cv2, ink)
    ink *= _without_frame(cv2, ink)
    if (free := _without_rim(ink)) is not None:
        ink *= free
        ink *= _without_frame(cv2, ink)
    return _centred(cv2, ink, size)


def _inside(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """What isn't the edge of a crop of `shape`."""
    down, across = (round(_EDGE * length) for length in shape)
    return slice(down, -down), slice(across, -across)


def _without_rim(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """0 in a rim of ink around the whole crop, else 1, or None without one.

    The shadow at a window's edges makes such a rim, and joins it to the digit, so that it isn't found as a frame.
    """
    mask, kept = ink > 0.4, np.ones_like(ink)
    if not mask[[0, 0, -1, -1], [0, -1, 0, -1]].all():
        return None
    for side in range(4):  # the top, and the others after a quarter of a turn each
        free = np.flatnonzero(np.rot90(mask, side).mean(axis=1) < _RIM_COVER)
        if not len(free) or free[0] > _EDGE * len(mask):
            return None
        np.rot90(kept, side)[: free[0] + _RIM_RAGGED] = 0
    return kept


def _without_lines(cv2: Any, ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 outside of lines that run along an edge of the crop from side to side, as a frame's do; else 1.

    Where lines are most of the ink, there is no frame, but a one.
    """
    left, right = _between_lines(cv2, np.ascontiguousarray(ink.T), _LINES_ACROSS)
    top, bottom = _between_lines(cv2, ink[:, left:right], _LINES_DOWN)
    kept = np.zeros_like(ink)
    kept[top:bottom, left:right] = 1
    return kept if (ink * kept).sum() > _LEAST_LEFT * ink.sum() else np.ones_like(ink)


def _between_lines(cv2: Any, ink: NDArray[np.float32], reach: float) -> tuple[int, int]:
    """The rows of ink (h, w) between lines in the first and last rows, of which each is the share `reach`."""
    mask = (ink > 0.4).astype(np.uint8)
    full = cv2.dilate(mask, np.ones((_SLANT, 1), np.uint8)).mean(axis=1) > _LINE
    cover = mask.mean(axis=1)
    return _after_line(full, cover, reach), len(ink) - _after_line(full[::-1], cover[::-1], reach)


def _after_line(full: NDArray[np.bool_], cover: NDArray[np.float64], reach: float) -> int:
    """The row after a line in the first rows, or 0 without one. A digit's own bars have no gap behind them."""
    lines = np.flatnonzero(full[: round(reach * len(full))])
    if not len(lines):
        return 0
    after = int(lines[-1]) + 1
    behind = cover[after : after + max(1, round(_GAP_WITHIN * len(full)))]
    return after if behind.min() < _GAP else 0


def _without_frame(cv2: Any, ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where ink belongs to strokes, 0 where it belongs to the drum's frame at the edges or is a speck.

    Where little else is left, a digit is joined to its frame: then all that lies inside is kept.
    """
    height, width = ink.shape
    count, parts, boxes, _ = cv2.connectedComponentsWithStats((ink > 0.4).astype(np.uint8), connectivity=8)
    inside = np.zeros((height, width), np.float32)
    inside[_inside(ink.shape)] = 1
    kept = np.ones(count, np.float32)
    for part in range(1, count):
        left, top, across, down, area = boxes[part]
        at_edge = left == 0 or top == 0 or left + across == width or top + down == height
        cut_off = at_edge and float(inside[parts == part].sum()) / area < _FRAME_WITHIN
        solid = float(ink[parts == part].mean()) > _SOLID
        is_frame = cut_off and not (solid and _is_segment(boxes, part, ink.shape))
        if area < _SPECK * height * width or is_frame or _surrounds_another(boxes, part):
            kept[part] = 0
    mask: NDArray[np.float32] = kept[parts]
    left = float((ink * mask * inside).sum())
    if left < _LEAST_INSIDE * height * width or left < _LEAST_KEPT * float((ink * inside).sum()):
        return inside
    # The faint rim of what is left out goes with it, unless it belongs to a stroke as well.
    around = cv2.erode(mask, np.ones((_RIM, _RIM), np.uint8))
    around[(parts > 0) & (mask > 0)] = 1
    return np.asarray(around)


def _is_segment(boxes: NDArray[np.int32], part: int, shape: tuple[int, ...]) -> bool:
    """Whether a part at the edge is the upper or lower segment of a display's digit, whose other segments are near."""
    height, width = shape
    left, top, across, down, _ = boxes[part]
    if left == 0 or left + across == width or down > _SEGMENT * height or across < down:
        return False
    near = _NEAR * height
    return any(
        abs(other[1] - (top + down) if top == 0 else top - (other[1] + other[3])) <= near
        and other[3] >= 2 * down
        and left - near <= other[0] + other[2]
        and other[0] <= left + across + near
        for other in np.delete(boxes[1:], part - 1, axis=0)
    )


def _surrounds_another(boxes: NDArray[np.int32], part: int) -> bool:
    """Whether a part's box surrounds that of a part half as high or higher, as a frame does, and no zero's dot."""
    left, top, across, down, _ = boxes[part]
    return any(
        left < other[0]
        and top < other[1]
        and other[0] + other[2] < left + across
        and other[1] + other[3] < top + down
        and other[3] >= _FRAMED * down
        for other in boxes[1:]
    )


def _centred(cv2: Any, ink: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Ink (h, w) from 0 to 1 in a frame: its box in the middle and as large as a digit of MNIST, within bounds.

    Narrow digits are made broader: details a pixel wide would be lost."""
    height, width = ink.shape
    rows, columns = np.flatnonzero((ink > 0.5).any(axis=1)), np.flatnonzero((ink > 0.5).any(axis=0))
    top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, height)
    left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, width)
    side = round(max(bottom - top, right - left, _LEAST_BOX * height) / _FILLED)
    narrow = np.clip(_BROAD * side * _FILLED / max(right - left, 1), 1, _MOST_STRETCH)
    across = round(side / narrow)
    middle = ((top + bottom) / 2, (left + right) / 2)
    bounded = [
        float(np.clip(place, (0.5 - _MOST_SHIFT) * length, (0.5 + _MOST_SHIFT) * length))
        for place, length in zip(middle, (height, width), strict=True)
    ]
    padded = cv2.copyMakeBorder(ink, side, side, side, side, cv2.BORDER_CONSTANT, value=0)
    from_row, from_column = round(bounded[0] + side / 2), round(bounded[1] + side - across / 2)
    window = padded[from_row : from_row + side, from_column : from_column + across]
    frame: NDArray[np.uint8] = np.rint(255 * np.clip(_resized(cv2, window, size), 0, 1)).astype(np.uint8)
    return frame


def _even_light(cv2: Any, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The crop with its slow changes of light divided out, and stretched to the whole range of greys."""
    pixels = crop.astype(np.float32)
    grey = pixels.mean(axis=2)
    light = cv2.GaussianBlur(grey, (0, 0), max(1.0, _LIGHT * min(grey.shape)), borderType=cv2.BORDER_REFLECT)
    even = pixels / np.maximum(light, 1)[..., None]
    low, high = np.percentile(even, (1, 99))
    stretched: NDArray[np.uint8] = np.rint(255 * np.clip((even - low) / max(high - low, 0.05), 0, 1)).astype(np.uint8)
    return stretched


def _resized(cv2: Any, image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """An image (h, w[, c]) with height and width `size`, each pixel the mean of what it covers."""
    smaller = image.shape[0] >= size[0] and image.shape[1] >= size[1]
    resized: NDArray[Any] = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return resized if resized.ndim == image.ndim else resized[..., None]


def _with_channels(frame: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """A frame (h, w, 1 or 3) with so many channels: grey is repeated, colour is averaged."""
    if frame.shape[2] == channels:
        return frame
    if frame.shape[2] == 1:
        return np.repeat(frame, channels, axis=2)
    averaged: NDArray[np.uint8] = np.rint(frame.mean(axis=2, keepdims=True)).astype(np.uint8)
    return averaged
