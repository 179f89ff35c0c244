"""Pictures of a meter with drums, and region files for them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from common.pictures.region_file import format_regions
from common.pictures.regions import Region, Regions

#: Width and height of a drum's window, the distance of two, and the place of the first, in pixels of 640×480.
WIDTH, HEIGHT, PITCH, LEFT, TOP = 48, 76, 60, 160, 200


def meter_picture(digits: str, scale: int = 1, dark: bool = True) -> NDArray[np.uint8]:
    """A meter of light digits on dark drums, or dark ones on light drums, (480 · scale, 640 · scale, 3)."""
    ground, ink = ((30, 30, 32), (235, 232, 225)) if dark else ((228, 225, 220), (25, 25, 30))
    image = Image.new("RGB", (640, 480), (150, 155, 160))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 20, 580, 460), fill=(205, 205, 200), outline=(90, 90, 95), width=6)
    font = ImageFont.load_default(64)
    for place, digit in enumerate(digits):
        left = LEFT + place * PITCH
        draw.rectangle((left, TOP, left + WIDTH - 1, TOP + HEIGHT - 1), fill=ground)
        draw.text((left + WIDTH / 2, TOP + HEIGHT / 2), digit, fill=ink, font=font, anchor="mm")
    larger = image.resize((640 * scale, 480 * scale), Image.Resampling.BICUBIC)
    return np.asarray(larger, np.uint8)


def meter_regions(wheels: int) -> Regions:
    """The regions of `meter_picture`, named d1, d2, …, and a reading of all of them."""
    regions = []
    for place in range(wheels):
        left, right, bottom = LEFT + place * PITCH, LEFT + place * PITCH + WIDTH, TOP + HEIGHT
        regions.append(Region(f"d{place + 1}", ((left, TOP), (right, TOP), (right, bottom), (left, bottom))))
    reading = {"name": "water", "regions": [region.name for region in regions], "unit": "m³"}
    return Regions((640, 480), tuple(regions), readings=(reading,))


def write_meter(folder: Path, *readings: str, scale: int = 1) -> Path:
    """Photos named after what they show, `meter.toml` and `readings.csv` in a folder, which is returned."""
    for digits in readings:
        Image.fromarray(meter_picture(digits, scale)).save(folder / f"{digits}.png")
    (folder / "meter.toml").write_text(format_regions(meter_regions(len(readings[0]))))
    lines = "".join(f"{digits}.png,{digits}\n" for digits in readings)
    (folder / "readings.csv").write_text(f"file,reading\n{lines}")
    return folder
