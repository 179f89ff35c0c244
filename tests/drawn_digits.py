"""Digits in a font that no shipped model was trained on, dark on light: pictures of one's own, for tests."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Pixels of a picture's side.
SIDE = 28


def drawn(count: int, seed: int = 0, classes: int = 10) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures (n, 28, 28, 1) and their digits (n,), as many of each."""
    rng = np.random.default_rng(seed)
    digits = np.arange(count) % classes
    return np.stack([_draw(rng, int(digit)) for digit in digits]), digits.astype(np.int64)


def class_folders(folder: Path, count: int, seed: int = 0, names: str = "0123456789") -> None:
    """The same as PNG files, in a folder for each class."""
    for number, (frame, digit) in enumerate(zip(*drawn(count, seed, len(names)), strict=True)):
        (folder / names[digit]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(frame[..., 0]).save(folder / names[digit] / f"{number:04d}.png")


def write_labels(folder: Path, labels: dict[str, str]) -> None:
    """labels.csv, as a person who looked at the pictures would write it."""
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerows([("file", "label"), *labels.items()])


def _draw(rng: np.random.Generator, digit: int) -> NDArray[np.uint8]:
    image = Image.new("L", (SIDE, SIDE))
    place = (SIDE // 2 + rng.integers(-2, 3), SIDE // 2 + rng.integers(-2, 3))
    font = ImageFont.load_default(size=int(rng.integers(18, 24)))
    ImageDraw.Draw(image).text(place, str(digit), fill=int(rng.integers(150, 256)), font=font, anchor="mm")
    light = 230 - np.asarray(image) + rng.normal(0, 8, (SIDE, SIDE))
    return np.asarray(np.clip(light, 0, 255), dtype=np.uint8)[..., None]
