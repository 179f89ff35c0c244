"""Colours and surfaces that faces are made of."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.rendering.opencv import cv2

#: A picture (h, w, 3) from 0 to 255, RGB.
Image: TypeAlias = NDArray[np.float32]
#: Red, green and blue from 0 to 255.
Colour: TypeAlias = NDArray[np.float64]

#: Difference in brightness between a digit and its ground, in grey levels, at least.
_LEAST_DIFFERENCE = 45


def colour(rng: np.random.Generator) -> Colour:
    """A colour at random, mostly greyish as meters are."""
    grey = rng.choice([rng.uniform(5, 60), rng.uniform(60, 190), rng.uniform(190, 250)])
    tint = rng.uniform(0.94, 1.06, 3) if rng.random() < 0.75 else rng.uniform(0.35, 1.2, 3)
    return np.asarray(np.clip(grey * tint, 0, 255))


def contrasting(rng: np.random.Generator, *, red: bool = False) -> tuple[Colour, Colour]:
    """Colours of a ground and of the digits on it: dark and light, either way, far enough apart to be read.

    With `red` one of the two is red, as wheels of decimals are.
    """
    while True:
        dark = rng.uniform(0, 90) * rng.uniform(0.85, 1.1, 3)
        light = rng.uniform(120, 250) * (rng.uniform(0.9, 1.05, 3) if rng.random() < 0.8 else rng.uniform(0.6, 1.1, 3))
        if red:
            paint = np.array([rng.uniform(130, 235), rng.uniform(15, 80), rng.uniform(15, 80)])
            if rng.random() < 0.7:
                dark = paint
            else:
                light = paint * rng.uniform(0.9, 1.1)
        if abs(light.mean() - dark.mean()) > _LEAST_DIFFERENCE:
            return (dark, light) if rng.random() < 0.5 else (light, dark)


def rough_surface(rng: np.random.Generator, size: tuple[int, int], paint: Colour) -> Image:
    """A surface of one colour with faint structure."""
    surface = np.empty((*size, 3), np.float32)
    surface[:] = paint
    if rng.random() < 0.6:
        surface *= 1 + smooth_noise(rng, size, rng.uniform(2, 30), rng.uniform(0.01, 0.08))[..., None]
    return surface


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], grain: float, spread: float) -> NDArray[np.float32]:
    """Noise (h, w) around 0 whose blotches have about `grain` pixels, with a standard deviation of about `spread`."""
    small = (max(2, round(size[0] / grain)), max(2, round(size[1] / grain)))
    noise = rng.standard_normal(small, dtype=np.float32) * np.float32(spread)
    smooth: NDArray[np.float32] = cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    return smooth


def blend(image: Image, mask: NDArray[np.uint8], place: tuple[int, int], ink: Colour, strength: float) -> None:
    """Paint a mask (h, w) with its left and top at `place`; what is outside of the picture is left out."""
    x, y = place
    height, width = image.shape[:2]
    top, bottom, left, right = max(y, 0), min(y + mask.shape[0], height), max(x, 0), min(x + mask.shape[1], width)
    if top >= bottom or left >= right:
        return
    part = mask[top - y : bottom - y, left - x : right - x].astype(np.float32)[..., None] * np.float32(strength / 255)
    area = image[top:bottom, left:right]
    area += part * (ink.astype(np.float32) - area)
