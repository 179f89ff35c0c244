"""Crops of a picture, made alike before a model sees them.

What a camera sees of a wheel differs in light, contrast and colour; a small network shouldn't spend its
weights on that. `normalise` flattens the light, makes strokes light on dark, and puts them into the middle
of the frame, like the digits of MNIST.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError
from common.pictures.drum_frame import inside, without_frame
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
    brightness = max(float(np.percentile(strokes[inside(strokes.shape)], _STROKES_FROM)), _LEAST_CONTRAST)
    # Strokes are brighter where more light falls on them; half as bright as the others at least, or they are noise.
    inner = np.zeros_like(strokes)
    inner[inside(strokes.shape)] = strokes[inside(strokes.shape)]
    nearby = cv2.blur(cv2.dilate(inner, kernel), kernel.shape, borderType=cv2.BORDER_REFLECT)
    level = np.clip(nearby, _DIMMEST * brightness, brightness)
    ink = np.clip((strokes / level - _BLACK) / (_WHITE - _BLACK), 0, 1)
    return _centred(cv2, without_frame(cv2, ink), size)


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
