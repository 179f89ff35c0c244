"""Measures the bars of readings on simulated weeks of pictures of meters.

python -m benchmarks.readings [--seeds N] [--weeks N] [--rendered [--fonts FOLDER]]

Prints a row for each kind of story, and ends with 1 where a bar isn't reached.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.readings.bars import Score, judge
from benchmarks.readings.looks import MadeUp
from benchmarks.readings.meters import Meter, make_meter
from benchmarks.readings.rendered import Rendered
from benchmarks.readings.weeks import Story, pictures
from common.readings.spec import ReadingSpec
from models.rendering.fonts import SHIPPED, find_fonts

#: The minutes between two pictures of each kind of meter.
_MINUTES = {"water": 10.0, "litres": 5.0, "power": 15.0}
#: The first row of the table; "wrong" is in pictures in a row.
_HEADER = "meter    story       pictures published  within 1 wrong falls resets"


def spec_of(meter: Meter) -> ReadingSpec:
    """The specification that fits a meter."""
    regions = tuple(f"d{number}" for number in range(1, meter.wheels + 1))
    return ReadingSpec("reading", regions, meter.decimals, "", meter.rate / 10**meter.decimals)


def story_of(random: np.random.Generator, meter: Meter, kind: str, what: str, weeks: float) -> Story:
    """A story: "plain" weeks, weeks in which the meter is "replaced", or in which it "rolls over"."""
    largest, end = 10**meter.wheels, 168 * weeks
    start = float(random.uniform(0, 0.9 * largest))
    if what == "rolls over":
        start = largest - random.uniform(0.2, 0.8) * meter.use / 24 * end
    replaced = (random.uniform(0.3, 0.7) * end, float(random.uniform(0, 20))) if what == "replaced" else None
    return Story(weeks, _MINUTES[kind], start, replaced=replaced)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readings")
    parser.add_argument("--seeds", type=int, default=4, help="meters of each kind and story")
    parser.add_argument("--weeks", type=float, default=1.0, help="weeks of each of them")
    parser.add_argument("--rendered", action="store_true", help="wheels are rendered; the network scores them")
    parser.add_argument("--fonts", type=Path, default=SHIPPED, help="folder of the fonts of rendered wheels")
    arguments = parser.parse_args()
    fonts = find_fonts([arguments.fonts]) if arguments.rendered else None
    total = Score()
    print(_HEADER)
    for kind in _MINUTES:
        for what in ("plain", "replaced", "rolls over"):
            score = Score()
            for seed in range(arguments.seeds):
                random = np.random.default_rng([seed, *kind.encode(), *what.encode()])
                meter = make_meter(random, kind)
                story = story_of(random, meter, kind, what, arguments.weeks)
                looks = MadeUp(random) if fonts is None else Rendered(random, fonts)
                one = judge(spec_of(meter), looks.names, pictures(random, meter, looks, story))
                score.add(one)
            total.add(score)
            print(row(kind, what, score), flush=True)
    print(row("all", "", total))
    return 0 if total.reached else 1


def row(kind: str, what: str, score: Score) -> str:
    """A row of the table."""
    published, within = score.published / score.pictures, score.within / max(score.published, 1)
    return (
        f"{kind:8} {what:11} {score.pictures:8} {published:9.2%} {within:9.3%} {score.longest_wrong:5} {score.falls:5} "
        f"{score.resets:6}"
    )


if __name__ == "__main__":
    sys.exit(main())
