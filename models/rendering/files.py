"""Rendered photos and crops as files, in the forms that `blindsight camera test` and `model train` read."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from common.pictures.region_file import format_regions
from common.pictures.regions import Region, Regions
from models.rendering.crops import LABELS, RegionStyle, render_crops
from models.rendering.fonts import FontBook
from models.rendering.photos import SIZES, Photo, as_points, take_photo

#: The quality with which photos are stored: what is lost in a camera was lost before.
_QUALITY = 80
#: Crops that are rendered at a time.
_BATCH = 500

Progress = Callable[[int], None]


def write_photos(
    folder: Path,
    fonts: FontBook,
    *,
    count: int,
    seed: int,
    digits: int = 5,
    sizes: Sequence[tuple[int, int]] = SIZES,
    loose: float = 0.0,
    hardest: float = 1.0,
    progress: Progress = lambda _: None,
) -> None:
    """Photos of meters as `000.jpg` and so on, a region file `000.toml` for each, and `readings.csv`.

    Sizes are (width, height) and take turns. The corners of regions are where they should be, give or take `loose`, a
    share of a digit's height; `hardest` as in `take_photo`. `progress` is called with the number of photos after each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str]] = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])  # each photo by itself, so that more of them begin with the same
        photo = take_photo(rng, fonts, sizes[index % len(sizes)], digits, hardest=hardest)
        name = f"{index:03d}.jpg"
        Image.fromarray(photo.picture).save(folder / name, quality=_QUALITY)
        regions = format_regions(regions_of(photo, RegionStyle(rng, loose)))
        (folder / name).with_suffix(".toml").write_text(regions, encoding="utf-8")
        rows.append((name, photo.reading))
        progress(index + 1)
    _write_table(folder / "readings.csv", ("file", "reading"), rows)


def write_crops(folder: Path, fonts: FontBook, *, count: int, seed: int, progress: Progress = lambda _: None) -> None:
    """Frames of 28×28 pixels as `00000.png` and so on, and `labels.csv` with the likeliest label of each."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str]] = []
    rng = np.random.default_rng(seed)
    while len(rows) < count:
        frames, shares = render_crops(rng, fonts, min(_BATCH, count - len(rows)))
        for frame, share in zip(frames, shares, strict=True):
            name = f"{len(rows):05d}.png"
            Image.fromarray(frame[..., 0]).save(folder / name)
            rows.append((name, LABELS[int(share.argmax())]))
        progress(len(rows))
    _write_table(folder / "labels.csv", ("file", "label"), rows)


def regions_of(photo: Photo, style: RegionStyle) -> Regions:
    """The region file's content for a photo: a region for each digit, and a reading of them all."""
    height, width = photo.picture.shape[:2]
    regions = tuple(
        Region(f"d{number}", as_points(np.clip(style.corners(digit), 0, (width, height))))
        for number, digit in enumerate(photo.digits, start=1)
    )
    reading = {"name": "meter", "regions": [region.name for region in regions], "decimals": 0, "unit": "m³"}
    return Regions((width, height), regions, readings=(reading,))


def _write_table(path: Path, header: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
