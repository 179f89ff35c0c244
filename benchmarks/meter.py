"""What `meter` reads on photos whose fonts and backgrounds training never saw, against the bars that it shall reach.

python -m benchmarks.meter --fonts FOLDER [--photos 1000] [--hardness 0.5 1] [--mnist FILE] [--encrypted 500] [--json]

Photos are 640×480 and 1280×960, rendered from the test fonts in FOLDER, and read as `blindsight camera test` reads
them: regions with exact corners, and with corners that are off by 3 % of a digit's height. What readings are is said of
photos whose digits are neither hidden nor between two, and apart of the others, the unclear ones. `--mnist` is an npz
file with `frames` and `labels` of handwritten digits. `--encrypted` crops go through real ciphertexts.
"""

import argparse
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress
from rich.table import Table

from blindsight.cameras.encrypted import EncryptedModel
from blindsight.command_line.output import console
from common.pictures.cropping import cut
from common.plan.network import Network
from common.readings.single import SingleReader
from common.readings.spec import ReadingSpec
from models.catalogue import load_network
from models.plans import get_plan
from models.rendering.crops import LABELS, UNREADABLE, RegionStyle, render_crops, truth
from models.rendering.faces import KINDS, Kind
from models.rendering.files import regions_of
from models.rendering.fonts import FontBook, find_fonts
from models.rendering.photos import SIZES, take_photo

#: Digits of a meter, and frames that share a ciphertext.
_DIGITS, _TOGETHER = 5, 8
#: The spread of inexact corners, as a share of a digit's height.
_LOOSE = 0.03
#: How hard the photos of the bars are, and the hardest there are, where nothing else is asked for.
_HARDNESS = (0.5, 1.0)
#: A label's share of the truth from which a digit is plainly that.
_PLAIN = 0.95


@dataclass(frozen=True)
class Figures:
    """Shares of digits, of photos, and how many photos there were.

    `digits_right` counts digits that are neither between two nor hidden. A photo can be read where all its digits are
    such; of the others, which should be rejected, some readings are right and others wrong. The last three are the
    readings that are right of each kind of meter.
    """

    digits_right: float
    readings_right: float
    readings_wrong: float
    readings_rejected: float
    photos: int
    unclear_photos: int
    unclear_readings_right: float
    unclear_readings_wrong: float
    drums_right: float
    displays_right: float
    printed_right: float


def measure_photos(network: Network, fonts: FontBook, photos: int, hardest: float, loose: float) -> Figures:
    """Read so many rendered photos, each by itself."""
    names = tuple(f"d{number}" for number in range(1, _DIGITS + 1))
    reader = SingleReader(ReadingSpec("meter", names, 0, "m³", 3.0), network.labels)
    plain, right, states = 0, 0, Counter[tuple[bool, str]]()
    kinds = Counter[tuple[Kind, bool]]()
    with Progress(console=console, transient=True) as progress:
        for index in progress.track(range(photos), description=f"photos, corners off by {loose:.0%}"):
            rng = np.random.default_rng([2, index])
            photo = take_photo(rng, fonts, SIZES[index % len(SIZES)], _DIGITS, hardest=hardest)
            regions = regions_of(photo, RegionStyle(rng, loose))
            scores = network.scores(cut(photo.picture, regions.regions, network.frame_shape))
            shares = np.stack([truth(digit.position, digit.hidden) for digit in photo.digits])
            clear = shares[:, :10].max(axis=1) > _PLAIN
            plain += int(clear.sum())
            right += int((scores.argmax(axis=1) == shares.argmax(axis=1))[clear].sum())
            value = reader.read(scores).value
            is_right = value is not None and value.zfill(_DIGITS) == photo.reading
            if clear.all():
                kinds[photo.kind, is_right] += 1
            states[bool(clear.all()), "rejected" if value is None else "right" if is_right else "wrong"] += 1
    return _figures(right / max(plain, 1), states, kinds)


def _figures(digits_right: float, states: Counter[tuple[bool, str]], kinds: Counter[tuple[Kind, bool]]) -> Figures:
    """The figures from photos by whether they can be read and how they were, and by kind and whether that was right."""
    unclear = sum(count for (readable, _), count in states.items() if not readable)
    photos = states.total() - unclear
    drums, displays, printed = (kinds[kind, True] / max(kinds[kind, True] + kinds[kind, False], 1) for kind in KINDS)
    return Figures(
        digits_right=digits_right,
        readings_right=states[True, "right"] / max(photos, 1),
        readings_wrong=states[True, "wrong"] / max(photos, 1),
        readings_rejected=states[True, "rejected"] / max(photos, 1),
        photos=photos,
        unclear_photos=unclear,
        unclear_readings_right=states[False, "right"] / max(unclear, 1),
        unclear_readings_wrong=states[False, "wrong"] / max(unclear, 1),
        drums_right=drums,
        displays_right=displays,
        printed_right=printed,
    )


def measure_nothing(network: Network, fonts: FontBook, crops: int) -> dict[str, float]:
    """Of crops without a digit, the share that is called unreadable, and the share that is surely taken for a digit."""
    frames, shares = render_crops(np.random.default_rng(3), fonts, crops)
    scores = network.scores(frames[shares[:, UNREADABLE] == 1])
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    return {
        "unreadable_right": float((scores.argmax(axis=1) == UNREADABLE).mean()),
        "unreadable_as_sure_digit": float((likely[:, :10].max(axis=1) > 0.99).mean()),
    }


def measure_encrypted(network: Network, fonts: FontBook, crops: int) -> dict[str, float]:
    """Labels of crops through ciphertexts compared with those in plain, and the largest error of a score."""
    frames, _ = render_crops(np.random.default_rng(4), fonts, crops)
    plain = network.scores(frames)
    with console.status("making keys"):
        model = EncryptedModel(get_plan("meter", 128, _TOGETHER))
    with Progress(console=console, transient=True) as progress:
        parts = [
            model.scores(frames[start : start + _TOGETHER])
            for start in progress.track(range(0, crops, _TOGETHER), description="encrypted crops")
        ]
    encrypted = np.concatenate(parts)
    return {
        "encrypted_as_plain": float((encrypted.argmax(axis=1) == plain.argmax(axis=1)).mean()),
        "largest_error": float(np.abs(encrypted - plain).max()),
    }


def measure_mnist(network: Network, file: Path) -> float:
    """The share of handwritten digits that are read right."""
    with np.load(file) as data:
        frames, labels = data["frames"].reshape(-1, 28, 28, 1), data["labels"]
    parts = [network.scores(part).argmax(axis=1) for part in np.array_split(frames, -(-len(frames) // 1000))]
    return float((np.concatenate(parts) == labels).mean())


#: The least or, with a minus, the most that a figure may be, as a share.
_BARS = {
    "digits_right": 0.995,
    "readings_right": 0.97,
    "readings_wrong": -0.002,
    "mnist_right": 0.98,
    "encrypted_as_plain": 1.0,
}


def main() -> None:
    """Print the figures, with the bars that they are held against."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, action="append", required=True)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--hardness", type=float, nargs="+", default=_HARDNESS)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--encrypted", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    network, fonts = load_network("meter"), find_fonts(given.fonts, "test")
    assert network.labels == LABELS
    figures: dict[str, dict[str, float]] = {}
    for hardest in given.hardness:
        for loose in (0.0, _LOOSE):
            name = f"hardness to {hardest}, corners {'exact' if not loose else f'off by {loose:.0%}'}"
            figures[name] = asdict(measure_photos(network, fonts, given.photos, hardest, loose))
    figures["crops"] = measure_nothing(network, fonts, 5000) | measure_encrypted(network, fonts, given.encrypted)
    if given.mnist is not None:
        figures["crops"]["mnist_right"] = measure_mnist(network, given.mnist)
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    table = Table("set", "figure", "measured", "bar")
    for name, values in figures.items():
        for figure, value in values.items():
            table.add_row(name, figure.replace("_", " "), f"{value:,.4g}", _bar(figure))
    console.print(table)


def _bar(figure: str) -> str:
    bar = _BARS.get(figure)
    return "" if bar is None else f"at most {-bar:.1%}" if bar < 0 else f"at least {bar:.1%}"


if __name__ == "__main__":
    main()
