"""Light and what lies between a meter and its camera: shadows, glare, dirt, drops."""

import numpy as np
from numpy.typing import NDArray

from models.rendering.opencv import cv2
from models.rendering.surfaces import Image, colour, smooth_noise

Mask = NDArray[np.float32]


def light_field(rng: np.random.Generator, size: tuple[int, int], hardness: float) -> Mask:
    """How much light falls on each pixel (h, w) of a picture of `size` = (width, height): a slope, and a lamp."""
    width, height = size
    rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    slope = rng.normal(0, 0.08 + 0.22 * hardness, 2)
    field = 1 + slope[0] * rows[:, None] + slope[1] * columns[None]
    if rng.random() < 0.35:
        y, x = rng.uniform(-0.7, 0.7, 2)
        away = (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2
        field = field * (0.45 + 0.75 * np.exp(-away / rng.uniform(0.4, 2.5)))
    clipped: Mask = np.clip(field, 0.15, 2).astype(np.float32)
    return clipped


def add_shadows(rng: np.random.Generator, picture: Image, hardness: float) -> Image:
    """The picture with shadows of straight edges, such as a pipe's or a hand's, more or less soft."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.poisson(0.15 + 0.7 * hardness))):
        mask = np.zeros((height, width), np.float32)
        middle, away = rng.uniform((0, 0), (width, height)), rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(away), np.sin(away)])
        across = np.array([-along[1], along[0]])
        far, broad = 2.0 * max(width, height), rng.uniform(0.05, 0.8) * width
        points = [middle + far * along, middle - far * along, middle - far * along + broad * across]
        points.append(middle + far * along + broad * across)
        cv2.fillPoly(mask, [np.array(points, np.int32)], 1.0)
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 0.04 * width + 1))
        picture = picture * (1 - mask * np.float32(rng.uniform(0.2, 0.7)))[..., None]
    return picture


def add_glare(
    rng: np.random.Generator, picture: Image, focus: NDArray[np.float64], tall: float, hardness: float
) -> tuple[Image, Mask]:
    """The picture with reflections of lamps and windows, and how much of each pixel they hide, from 0 to 1.

    They lie about the point `focus`, and their size is measured in `tall`, a digit's height in pixels.
    """
    height, width = picture.shape[:2]
    hiding = np.zeros((height, width), np.float32)
    for _ in range(int(rng.poisson(0.1 + 0.8 * hardness))):
        mask = np.zeros((height, width), np.float32)
        x, y = focus + rng.normal(0, (2.2 * tall, 0.8 * tall))
        strength = rng.uniform(0.2, 1.0) if rng.random() < 0.75 else rng.uniform(0.9, 1.3)
        if rng.random() < 0.65:
            axes = (max(1, int(tall * rng.uniform(0.08, 0.8))), max(1, int(tall * rng.uniform(0.08, 0.5))))
            cv2.ellipse(mask, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        else:  # a window's panes or a tube: a band at a slant
            slant, broad = rng.uniform(-0.6, 0.6) * height, rng.uniform(0.06, 0.5) * tall
            points = [
                (x - slant - broad, 0),
                (x - slant + broad, 0),
                (x + slant + broad, height),
                (x + slant - broad, height),
            ]
            cv2.fillPoly(mask, [np.array(points, np.int32)], 1.0)
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, rng.uniform(0.02, 0.4) * tall)) * np.float32(strength)
        mask = np.minimum(mask, 1)
        picture = picture + mask[..., None] * (np.float32(rng.uniform(235, 290)) - picture)
        hiding = np.maximum(hiding, mask)
    return picture, hiding


def add_dirt(
    rng: np.random.Generator, picture: Image, focus: NDArray[np.float64], tall: float, hardness: float
) -> tuple[Image, Mask]:
    """The picture with specks, scratches, smears and drops, and how much of each pixel they hide, from 0 to 1.

    They lie about the point `focus`, and their size is measured in `tall`, a digit's height in pixels.
    """
    height, width = picture.shape[:2]
    hiding = np.zeros((height, width), np.float32)
    if rng.random() > 0.25 + 0.5 * hardness:
        return picture, hiding
    picture = picture.copy()
    for _ in range(int(rng.poisson(2 + 10 * hardness))):
        x, y = (focus + rng.normal(0, (2.5 * tall, 0.8 * tall))).astype(int).tolist()
        if rng.random() < 0.7:
            radius = max(1, int(tall * abs(rng.normal(0, 0.03))))
            cv2.circle(picture, (x, y), radius, colour(rng).tolist(), -1, cv2.LINE_AA)
        else:
            end = (x + int(rng.normal(0, 0.6 * tall)), y + int(rng.normal(0, 0.6 * tall)))
            cv2.line(picture, (x, y), end, colour(rng).tolist(), max(1, int(tall * 0.015)), cv2.LINE_AA)
    if rng.random() < 0.3:  # dust, or condensation
        grain = smooth_noise(rng, (height, width), max(2.0, rng.uniform(0.1, 1.2) * tall), 1.0)
        cover = np.clip(grain - rng.uniform(0.2, 1.2), 0, 1) * np.float32(rng.uniform(0.2, 0.6))
        picture += cover[..., None] * (colour(rng).astype(np.float32) - picture)
    if rng.random() < 0.15 + 0.15 * hardness:  # a smear, a leaf, a label over the glass
        mask = np.zeros((height, width), np.float32)
        x, y = (focus + rng.normal(0, (2 * tall, 0.6 * tall))).astype(int).tolist()
        axes = (max(1, int(tall * rng.uniform(0.1, 1.0))), max(1, int(tall * rng.uniform(0.1, 0.7))))
        cv2.ellipse(mask, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.4, 1.0)), -1)
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, rng.uniform(0.01, 0.15) * tall))
        picture += mask[..., None] * (colour(rng).astype(np.float32) - picture)
        hiding = mask
    if rng.random() < 0.12:  # an air bubble: its rim is seen, and what is behind it is bent
        x, y = (focus + rng.normal(0, (2 * tall, 0.4 * tall))).astype(int).tolist()
        radius = max(2, int(tall * rng.uniform(0.2, 0.8)))
        picture = _with_bubble(rng, picture, (x, y), radius)
    return picture, hiding


def _with_bubble(rng: np.random.Generator, picture: Image, middle: tuple[int, int], radius: int) -> Image:
    height, width = picture.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns - middle[0], rows - middle[1]
    away = np.sqrt(x**2 + y**2) / radius
    factor = np.where(away < 1, 1 - rng.uniform(0.1, 0.6) * (1 - away), 1).astype(np.float32)
    bent: Image = cv2.remap(picture, middle[0] + x * factor, middle[1] + y * factor, cv2.INTER_LINEAR)
    rim = np.exp(-(((away - 1) / rng.uniform(0.03, 0.12)) ** 2)).astype(np.float32) * np.float32(rng.uniform(-90, 90))
    return np.asarray(bent + rim[..., None])
