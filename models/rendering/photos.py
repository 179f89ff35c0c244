"""Photos of meters: a face seen by a camera, in a light, with what lies between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.pictures.corners import Point
from models.rendering.faces import Cell, Face, Kind, draw_face
from models.rendering.fonts import FontBook
from models.rendering.light import add_dirt, add_glare, add_shadows, light_field
from models.rendering.opencv import cv2
from models.rendering.surfaces import Colour, Image, colour, rough_surface, smooth_noise

#: Four points (4, 2): x and y in pixels of the photo, clockwise from the top left of what is shown.
Corners = NDArray[np.float64]

#: Photos' sizes (width, height) in pixels that are rendered where no other is asked for.
SIZES = ((640, 480), (1280, 960))
#: How much of the photo's width the row of digits takes, at least and at most.
_ROW_SHARE = (0.3, 0.85)


@dataclass(frozen=True)
class Digit:
    """One digit of a photo: the corners of its window, those of the digit's box at rest, and its wheel's position.

    `contrast` is what the digit's colour has more than its ground's; `hidden` is the share of the digit's box that
    glare or dirt hides, from 0 to 1.
    """

    window: Corners
    ink: Corners
    position: float
    contrast: Colour
    hidden: float


@dataclass(frozen=True)
class Photo:
    """A photo (h, w, 3) uint8, RGB, the digits in it from left to right, and the reading that they show."""

    picture: NDArray[np.uint8]
    kind: Kind
    digits: tuple[Digit, ...]
    reading: str


def as_points(corners: Corners) -> tuple[Point, Point, Point, Point]:
    """Corners as regions have them."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth


def take_photo(
    rng: np.random.Generator,
    fonts: FontBook,
    size: tuple[int, int],
    digits: int,
    *,
    kind: Kind | None = None,
    row_share: tuple[float, float] = _ROW_SHARE,
    spun: float = 0.0,
    hardest: float = 1.0,
    count: float | None = None,
) -> Photo:
    """A photo at random of `size` = (width, height) pixels of a meter with so many digits.

    How hard it is to read varies from photo to photo, up to `hardest`: most are clear; at 1 some are blurred, dark or
    half covered so that nobody can read them. `spun` and `count` as in `draw_face`.
    """
    face = draw_face(rng, fonts, digits, kind, spun, count)
    return photograph(rng, face, size, row_share, hardest)


def photograph(
    rng: np.random.Generator, face: Face, size: tuple[int, int], row_share: tuple[float, float], hardest: float
) -> Photo:
    """A photo of a face: placed at random in it, lit, seen through what lies between, and stored as JPEG."""
    hardness = hardest * rng.random() ** 2
    place = _placement(rng, face, size, row_share, hardness)
    picture = _laid_out(rng, face, size, place)
    cells = [(_mapped(place, cell.window), _mapped(place, cell.ink)) for cell in face.cells]
    tall = float(np.mean([_height_of(ink) for _, ink in cells]))
    focus = np.mean([window for window, _ in cells], axis=(0, 1))
    picture *= light_field(rng, size, hardness)[..., None]
    picture = add_shadows(rng, picture, hardness)
    picture, covered = add_dirt(rng, picture, focus, tall, hardness)
    picture, glared = add_glare(rng, picture, focus, tall, hardness)
    hiding = np.maximum(covered, glared)
    seen = _through_camera(rng, picture, tall, hardness)
    seen_digits = tuple(
        Digit(window, ink, cell.position, cell.contrast, _hidden(hiding, ink))
        for (window, ink), cell in zip(cells, face.cells, strict=True)
    )
    return Photo(seen, face.kind, seen_digits, face.reading)


def _placement(
    rng: np.random.Generator, face: Face, size: tuple[int, int], row_share: tuple[float, float], hardness: float
) -> NDArray[np.float64]:
    """The homography (3, 3) from the face's pixels to the photo's, with all windows inside the photo."""
    left, top = face.cells[0].window[:2]
    right, bottom = face.cells[-1].window[2:]
    row = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    share = rng.uniform(*row_share)
    scale = min(share * size[0] / (right - left), 0.8 * size[1] / (bottom - top))
    middle = row.mean(axis=0)
    flat = (row - middle) * scale
    angle = np.radians(rng.normal(0, 1.5 + 4 * hardness))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    tilt = rng.normal(0, 0.02 + 0.05 * hardness, 2) / (np.array([right - left, right - left]) * scale / 2)
    depth = 1 + flat @ tilt
    shear = rng.normal(0, 0.03)
    flat = flat + np.outer(flat[:, 1], [shear, 0])
    placed = (flat / depth[:, None]) @ turn.T
    low, high = placed.min(axis=0), placed.max(axis=0)
    # The picture's edge stays some pixels away from the row, so that regions can be a little larger than windows.
    margin = 6 + 0.05 * scale * (bottom - top)
    shrink = min(1.0, *((np.array(size) - 2 * margin) / (high - low)))
    placed, low, high = placed * shrink, low * shrink, high * shrink
    room = np.maximum(np.array(size) - margin - high - (margin - low), 0)
    offset = margin - low + room * np.clip(rng.normal(0.5, 0.2, 2), 0, 1)
    matrix: NDArray[np.float64] = cv2.getPerspectiveTransform(
        row.astype(np.float32), (placed + offset).astype(np.float32)
    )
    return matrix


def _laid_out(rng: np.random.Generator, face: Face, size: tuple[int, int], place: NDArray[np.float64]) -> Image:
    """The face in the photo, before a background of boards, pipes and walls."""
    width, height = size
    picture = _background(rng, (height, width))
    shrunk = np.sqrt(abs(np.linalg.det(place[:2, :2])))
    flat = cv2.GaussianBlur(face.image, (0, 0), 0.45 / shrunk) if shrunk < 0.8 else face.image
    if rng.random() < 0.35:  # the face fills the photo
        return np.asarray(
            cv2.warpPerspective(flat, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
    cv2.warpPerspective(flat, place, size, picture, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return picture


def _background(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    picture = rough_surface(rng, size, colour(rng))
    if rng.random() < 0.5:
        picture += smooth_noise(rng, size, rng.uniform(4, 80), rng.uniform(5, 30))[..., None]
    for _ in range(int(rng.integers(0, 7))):
        points = rng.uniform((0, 0), size[::-1], (int(rng.integers(2, 5)), 2)).astype(np.int32)
        if rng.random() < 0.5:
            cv2.polylines(picture, [points], False, colour(rng).tolist(), int(rng.integers(1, 1 + size[0] // 12)))
        else:
            cv2.fillPoly(picture, [points], colour(rng).tolist())
    return picture


def _through_camera(rng: np.random.Generator, picture: Image, tall: float, hardness: float) -> NDArray[np.uint8]:
    """Exposure, blur of lens and hand, noise, sharpening and JPEG; `tall` is a digit's height in pixels."""
    exposure = np.exp(rng.normal(0, 0.12 + 0.22 * hardness))
    balance = rng.normal(1, 0.03, 3)
    picture = picture * (exposure * balance).astype(np.float32)
    if rng.random() < 0.3:  # haze: a dull cover, or a lens that is dirty
        haze = rng.uniform(0.1, 0.5) * hardness
        picture = picture * (1 - haze) + haze * rng.uniform(90, 230)
    picture = 255 * np.power(np.clip(picture, 0, 255) / 255, rng.uniform(0.75, 1.3))
    blur = abs(rng.normal(0, 0.012 + 0.035 * hardness)) * tall
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if rng.random() < 0.12:
        picture = cv2.filter2D(picture, -1, _motion(rng, 0.02 * tall + 0.1 * hardness * tall))
    if rng.random() < 0.3:
        softer = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.8, 2))
        picture = picture + rng.uniform(0.2, 1.2) * (picture - softer)
    picture = _with_noise(rng, picture, abs(rng.normal(0, 1 + 9 * hardness)))
    stored = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    quality = int(np.clip(rng.normal(85 - 30 * hardness, 12), 18, 97))
    encoded = cv2.imencode(".jpg", stored[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded: NDArray[np.uint8] = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[..., ::-1])


def _motion(rng: np.random.Generator, length: float) -> NDArray[np.float32]:
    """The kernel of a blur along a line of so many pixels, in a direction at random."""
    side = 2 * int(np.ceil(length / 2)) + 1
    angle = rng.uniform(0, np.pi)
    away = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    kernel = np.zeros((side, side), np.float32)
    start, end = (tuple(np.rint(side // 2 + sign * away).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(kernel / kernel.sum())


def _with_noise(rng: np.random.Generator, picture: Image, spread: float) -> Image:
    """The picture with a sensor's noise, more or less coloured, of so many grey levels."""
    if spread < 0.5:
        return picture
    height, width = picture.shape[:2]
    grey = rng.standard_normal((height, width, 1), dtype=np.float32)
    if rng.random() < 0.5:
        return picture + np.float32(spread) * grey
    coloured = rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(picture + np.float32(spread) * np.float32(0.7) * (grey + coloured))


def _mapped(place: NDArray[np.float64], box: tuple[float, float, float, float]) -> Corners:
    left, top, right, bottom = box
    corners = np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float64)
    mapped: Corners = cv2.perspectiveTransform(corners, place)[0]
    return mapped


def _height_of(corners: Corners) -> float:
    return float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2


def _hidden(hiding: NDArray[np.float32], ink: Corners) -> float:
    """The share of a digit's box that is hidden."""
    low = np.clip(np.floor(ink.min(axis=0)), 0, None).astype(int)
    high = np.ceil(ink.max(axis=0)).astype(int) + 1
    return float((hiding[low[1] : high[1], low[0] : high[0]] > 0.7).mean())


__all__ = ["SIZES", "Cell", "Corners", "Digit", "Photo", "photograph", "take_photo"]
