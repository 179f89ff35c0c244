"""Crops of photos as a model sees them, with what is right about each: a digit, between two, or nothing to read."""

import numpy as np
from numpy.typing import NDArray

from common.pictures.cropping import crop
from common.pictures.normalise import normalise
from models.rendering.fonts import FontBook, text_mask
from models.rendering.opencv import cv2
from models.rendering.photos import Corners, Digit, Photo, as_points, take_photo
from models.rendering.surfaces import blend, colour, contrasting, rough_surface, smooth_noise

#: The labels of crops, in the order of scores.
LABELS = (*"0123456789", "between", "unreadable")
BETWEEN, UNREADABLE = LABELS.index("between"), LABELS.index("unreadable")

#: Turns from the nearest digit between which a wheel changes from that digit to "between".
_TURNED = (0.24, 0.36)
#: The share of "between" that its two neighbours get, so that scores tell which they are.
_NEIGHBOURS = 0.1
#: Shares of a digit's box that are hidden, between which it changes to "unreadable".
_HIDDEN = (0.3, 0.55)
#: A frame's height, width and channels.
_FRAME_SHAPE = (28, 28, 1)
#: Letters that aren't mistaken for digits.
_LETTERS = "ACEFHJKLMNPRTUVWXY%&$?#ÄΩm"
#: Pixels of a window's height in photos that only their crops are taken from, about, at least and at most.
_TALL = (22, 110)
#: How hard photos are at most, taking turns at random: as they are mostly, and as they may be.
_HARDEST = (0.5, 0.5, 1.0)
#: The share of drums whose wheels stand anywhere: about as many crops are "between" as are of each digit.
_SPUN = 0.4
#: How exactly corners are marked, as a share of a digit's height.
_LOOSE = (0.0, 0.02, 0.045)


def truth(position: float, hidden: float) -> NDArray[np.float32]:
    """How right each label is for a wheel at a position (0 up to 10), of which a share is hidden; the sum is 1.

    Up to a quarter of a turn from a digit it is that digit, from a third on it is "between": with a tenth left
    for the two neighbours, the nearer one more.
    """
    shares = np.zeros(len(LABELS), np.float32)
    below = int(position)
    turn = position - below
    between = float(np.clip((min(turn, 1 - turn) - _TURNED[0]) / (_TURNED[1] - _TURNED[0]), 0, 1))
    shares[round(position) % 10] = 1 - between
    shares[below % 10] += between * _NEIGHBOURS * (1 - turn)
    shares[(below + 1) % 10] += between * _NEIGHBOURS * turn
    shares[BETWEEN] = between * (1 - _NEIGHBOURS)
    lost = float(np.clip((hidden - _HIDDEN[0]) / (_HIDDEN[1] - _HIDDEN[0]), 0, 1))
    shares *= 1 - lost
    shares[UNREADABLE] += lost
    return shares


def crop_of(photo: Photo, corners: Corners) -> NDArray[np.uint8]:
    """The part of a photo within corners, as a device cuts it out."""
    return crop(photo.picture, as_points(corners))


class RegionStyle:
    """How somebody marks the digits of one photo: how much around them, and how exactly.

    `loose` is the spread of corners around where they should be, in shares of a digit's height.
    """

    def __init__(self, rng: np.random.Generator, loose: float) -> None:
        self._rng, self._loose = rng, loose
        self._windows = rng.random() < 0.5
        self._grown = rng.uniform((-0.02, -0.02), (0.45, 0.3)) if not self._windows else rng.uniform(-0.06, 0.08, 2)
        self._shift = rng.normal(0, 0.6 * loose, 2)

    def corners(self, digit: Digit) -> Corners:
        """The corners of one digit's region."""
        base = digit.window if self._windows else digit.ink
        across, down = (base[1] + base[2] - base[0] - base[3]) / 2, (base[3] + base[2] - base[0] - base[1]) / 2
        tall = float(np.linalg.norm(down))
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        grown = base + 0.5 * signs[:, :1] * self._grown[0] * across + 0.5 * signs[:, 1:] * self._grown[1] * down
        moved: Corners = grown + (self._shift + self._rng.normal(0, self._loose, (4, 2))) * tall
        return moved


def render_crops(
    rng: np.random.Generator, fonts: FontBook, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """So many training frames (count, 28, 28, 1), and what is true of each (count, 12), as `truth` says.

    Photos are small and hold little but the row of digits, so that many are rendered in a short time.
    """
    frames = np.empty((count, *_FRAME_SHAPE), np.uint8)
    shares = np.empty((count, len(LABELS)), np.float32)
    done = 0
    while done < count:
        for part, share in _crops_of_a_photo(rng, fonts):
            if done == count:
                break
            frames[done], shares[done] = normalise(part, "digit", _FRAME_SHAPE), share
            done += 1
    return frames, shares


def digit_crops(rng: np.random.Generator, fonts: FontBook) -> list[tuple[NDArray[np.uint8], Digit]]:
    """The crops of a small photo's digits, cut out more or less exactly."""
    return _digit_crops(rng, _row_photo(rng, fonts))


def _digit_crops(rng: np.random.Generator, photo: Photo) -> list[tuple[NDArray[np.uint8], Digit]]:
    style = RegionStyle(rng, loose=float(rng.choice(_LOOSE)))
    return [(crop_of(photo, style.corners(digit)), digit) for digit in photo.digits]


def _row_photo(rng: np.random.Generator, fonts: FontBook) -> Photo:
    digits = int(rng.integers(5, 9))
    tall = float(np.exp(rng.uniform(*np.log(_TALL))))
    size = max(int(digits * tall), 64), max(int(2.6 * tall), 48)
    hardest = float(rng.choice(_HARDEST))
    return take_photo(rng, fonts, size, digits, row_share=(0.7, 0.98), spun=_SPUN, hardest=hardest)


def _crops_of_a_photo(rng: np.random.Generator, fonts: FontBook) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    photo = _row_photo(rng, fonts)
    crops = [(part, truth(digit.position, digit.hidden)) for part, digit in _digit_crops(rng, photo)]
    nothing = np.zeros(len(LABELS), np.float32)
    nothing[UNREADABLE] = 1
    crops += [(wrong_crop(rng, photo), nothing) for _ in range(int(rng.integers(0, 2)))]
    if rng.random() < 0.25:
        crops.append((empty_crop(rng, fonts), nothing))
    return crops


def wrong_crop(rng: np.random.Generator, photo: Photo) -> NDArray[np.uint8]:
    """A crop of a photo that holds no whole digit: beside, above or below one, on two halves, or of too much."""
    digit = photo.digits[rng.integers(len(photo.digits))]
    base = digit.window if rng.random() < 0.5 else digit.ink
    across, down = (base[1] + base[2] - base[0] - base[3]) / 2, (base[3] + base[2] - base[0] - base[1]) / 2
    kind = rng.random()
    if kind < 0.3 and len(photo.digits) > 1:  # the gap between two digits in the middle
        first = int(rng.integers(len(photo.digits) - 1))
        corners = (photo.digits[first].ink + photo.digits[first + 1].ink) / 2
    elif kind < 0.55:
        corners = base + rng.choice([-1, 1]) * rng.uniform(0.5, 1.1) * down + rng.normal(0, 0.3) * across
    elif kind < 0.8:
        height, width = photo.picture.shape[:2]
        side = rng.uniform(0.3, 1.5) * np.linalg.norm(down)
        x, y = rng.uniform(0, width), rng.choice([rng.uniform(0, 0.15), rng.uniform(0.85, 1)]) * height
        corners = np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)]) - side / 2
    else:  # several digits at once
        last = min(len(photo.digits), 2 + int(rng.integers(0, 3)))
        boxes = [digit.window for digit in photo.digits[:last]]
        corners = np.array([boxes[0][0], boxes[-1][1], boxes[-1][2], boxes[0][3]])
    return crop_of(photo, corners)


def empty_crop(rng: np.random.Generator, fonts: FontBook) -> NDArray[np.uint8]:
    """A crop with a texture, an edge, a blot, a letter, or nothing but noise."""
    height = int(rng.integers(16, 80))
    width = int(np.clip(height * rng.uniform(0.4, 1.3), 10, 96))
    ground, ink = contrasting(rng)
    image = rough_surface(rng, (height, width), ground)
    kind = rng.random()
    if kind < 0.3:
        letter = text_mask(fonts.any(rng), str(rng.choice(list(_LETTERS))), int(0.8 * height))
        place = (width - letter.shape[1]) // 2, (height - letter.shape[0]) // 2
        blend(image, letter, place, ink, rng.uniform(0.4, 1))
    elif kind < 0.5:
        image += smooth_noise(rng, (height, width), rng.uniform(1, height / 2), rng.uniform(5, 60))[..., None]
    elif kind < 0.85:
        for _ in range(int(rng.integers(1, 5))):
            points = rng.uniform((-0.3 * width, -0.3 * height), (1.3 * width, 1.3 * height), (3, 2)).astype(np.int32)
            shape = rng.random()
            if shape < 0.4:
                cv2.fillPoly(image, [points], colour(rng).tolist(), cv2.LINE_AA)
            elif shape < 0.7:
                cv2.polylines(image, [points], False, ink.tolist(), int(rng.integers(1, 1 + height // 5)), cv2.LINE_AA)
            else:
                axes = rng.integers(1, max(2, height // 2), 2).tolist()
                cv2.ellipse(image, points[0].tolist(), axes, float(rng.uniform(0, 180)), 0, 360, ink.tolist(), -1)
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.1 * height))
    noisy = blurred + rng.normal(0, abs(rng.normal(0, 8)), image.shape)
    seen: NDArray[np.uint8] = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return seen
