"""Photos of meters that no code of `models.rendering` had a part in, for `blindsight camera test`.

python -m benchmarks.strangers --fonts FILE... [--photos 120] [--seed 0] -o OUT
blindsight camera test --regions OUT --expect OUT/readings.csv OUT

A photo has five digits behind windows, in perspective, with a shadow or a glare, blurred, noisy and stored as JPEG.
Corners in its region file are exact. Which fonts gave the figures in models/meter/README.md is said there.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

#: Photos' sizes (width, height) in pixels, which take turns, and how many digits each photo has.
_SIZES, _DIGITS = ((640, 480), (1280, 960)), 5
#: Pixels of a window on the meter seen from the front, and of the space between two.
_WINDOW, _SPACE = (120, 180), 24
#: Region files, corners with tenths of pixels.
_REGION = '[[region]]\nname = "d{number}"\ncorners = {corners}\nnormalise = "digit"\n'
_READING = '[[reading]]\nname = "meter"\nregions = ["d1", "d2", "d3", "d4", "d5"]\ndecimals = 0\nunit = "m³"\n'

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Meter:
    """A meter from the front, what it shows, and its windows' corners (5, 4, 2) in pixels, clockwise."""

    picture: Image.Image
    reading: str
    windows: Floats


def draw_meter(rng: np.random.Generator, font: Path) -> Meter:
    """A plate with five windows, digits light on dark or dark on light; wheels hang a little askew."""
    width, height = _WINDOW
    row = _DIGITS * width + (_DIGITS - 1) * _SPACE
    plate = Image.new("RGB", (row + 240, height + 240), _paint(rng, rng.uniform(60, 220)))
    dark, light = rng.uniform(5, 60), rng.uniform(150, 245)
    ground, ink = (dark, light) if rng.random() < 0.6 else (light, dark)
    letters = ImageFont.truetype(font, round(height * rng.uniform(0.75, 0.95)))
    reading = "".join(map(str, rng.integers(0, 10, _DIGITS)))
    ground_paint, ink_paint = _paint(rng, ground), _paint(rng, ink)
    windows = []
    for index, digit in enumerate(reading):
        left, top = 120 + index * (width + _SPACE), 120
        window = Image.new("RGB", _WINDOW, ground_paint)
        middle = (width / 2, height / 2 + rng.normal(0, 4))
        draw = ImageDraw.Draw(window)
        box = draw.textbbox((0, 0), digit, font=letters)
        draw.text((middle[0] - (box[0] + box[2]) / 2, middle[1] - (box[1] + box[3]) / 2), digit, ink_paint, letters)
        plate.paste(window, (left, top))
        windows.append([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
    ImageDraw.Draw(plate).text((130, 30), "m³  Qn 2.5", _paint(rng, 255 - ground), ImageFont.truetype(font, 48))
    return Meter(plate, reading, np.array(windows, np.float64))


def photograph(rng: np.random.Generator, meter: Meter, size: tuple[int, int]) -> tuple[Image.Image, Floats]:
    """A photo of a meter, and its windows' corners (5, 4, 2) in pixels of the photo."""
    width, height = meter.picture.size
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    scale = rng.uniform(0.55, 0.95) * size[0] / width
    angle = np.radians(rng.normal(0, 3))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    seen = (flat - flat.mean(axis=0)) * scale @ turn + np.array(size) / 2 + rng.uniform(-0.02, 0.02, 2) * size
    seen += rng.uniform(-0.04, 0.04, (4, 2)) * height * scale
    matrix = cv2.getPerspectiveTransform(flat.astype(np.float32), seen.astype(np.float32))
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = _paint(rng, rng.uniform(40, 200))
    softer = meter.picture.filter(ImageFilter.GaussianBlur(0.4 / scale))  # so that shrinking leaves no stairs
    cv2.warpPerspective(np.asarray(softer), matrix, size, picture, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    # From centres of pixels, as OpenCV has them, to corners of pixels, as regions have them.
    corners: Floats = np.array(cv2.perspectiveTransform(meter.windows.reshape(1, -1, 2) - 0.5, matrix), np.float64)
    corners = corners.reshape(-1, 4, 2) + 0.5
    return _through_camera(rng, picture, corners), corners


def _through_camera(rng: np.random.Generator, picture: NDArray[np.uint8], corners: Floats) -> Image.Image:
    """Shadow, glare, blur and noise, which grow with the digits' size in pixels."""
    height, width = picture.shape[:2]
    tall = float(np.linalg.norm(corners[0, 3] - corners[0, 0]))
    shade = Image.new("L", (width, height), 255)
    if rng.random() < 0.5:
        x = rng.uniform(0, width)
        edge = [(x, 0), (width, 0), (width, height), (x + rng.normal(0, 0.3 * width), height)]
        ImageDraw.Draw(shade).polygon(edge, round(255 * rng.uniform(0.45, 0.85)))
    glare = Image.new("L", (width, height), 0)
    if rng.random() < 0.6:
        x, y = corners.mean(axis=(0, 1)) + rng.normal(0, (2 * tall, 0.6 * tall))
        across, down = tall * rng.uniform(0.3, 1.2), tall * rng.uniform(0.2, 0.6)
        ImageDraw.Draw(glare).ellipse((x - across, y - down, x + across, y + down), round(255 * rng.uniform(0.2, 0.6)))
    soft = ImageFilter.GaussianBlur(0.25 * tall)
    light = np.asarray(shade.filter(soft), np.float64)[..., None] / 255
    shine = np.asarray(glare.filter(soft), np.float64)[..., None] / 255
    lit = picture * light * rng.uniform(0.6, 1.15)
    lit += shine * (255 - lit)
    blurred = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(tall * rng.uniform(0.005, 0.03))
    )
    noisy = np.asarray(blurred) + rng.normal(0, rng.uniform(1, 12), picture.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _paint(rng: np.random.Generator, grey: float) -> tuple[int, int, int]:
    """Nearly a grey."""
    red, green, blue = (int(np.clip(grey * tint, 0, 255)) for tint in rng.uniform(0.9, 1.1, 3))
    return red, green, blue


def main() -> None:
    """Write photos, a region file for each, and what they show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "readings.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "reading"))
        for index in range(given.photos):
            rng = np.random.default_rng([given.seed, index])
            size = _SIZES[index // len(given.fonts) % len(_SIZES)]
            meter = draw_meter(rng, given.fonts[index % len(given.fonts)])
            photo, corners = photograph(rng, meter, size)
            name = given.out / f"{index:03d}.jpg"
            photo.save(name, quality=int(rng.integers(50, 92)))
            text = f"[picture]\nsize = [{size[0]}, {size[1]}]\n\n"
            for number, window in enumerate(corners.round(1).tolist(), start=1):
                text += _REGION.format(number=number, corners=window) + "\n"
            name.with_suffix(".toml").write_text(text + _READING, encoding="utf-8")
            table.writerow((name.name, meter.reading))


if __name__ == "__main__":
    main()
