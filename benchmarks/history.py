"""What a history of a million labels answers, and how fast.

python -m benchmarks.history [--labels N] [--json PATH or -]

One camera has a frame a minute for a year, and the others have the rest, a frame a minute each up to now. A meter has a
reading a minute for a tenth of a year. Times are in ms, of several answers: the median, the longest, and the median of
the time that the processor worked for it, which other programs on the machine don't change.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from common.history.history import History
from common.history.views import LabelFilter, ReadingFilter
from common.publishing.events import Event, FrameLabel
from common.readings.reading import Reading

#: When the last label was captured (epoch, s).
_NOW = 1_800_000_000.0
_MINUTE, _HOUR, _DAY, _YEAR = 60.0, 3600.0, 86400.0, 365 * 86400.0
#: The share of a year's minutes that the meter is read.
_METER = 0.1
#: The labels; the last two are rare.
_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_GROUPS = {"automobile": "vehicle", "truck": "vehicle", "airplane": "vehicle", "ship": "vehicle"}
#: Devices, events that are added at once, times that each question is asked, rows of a page, and points of a plot.
_DEVICES, _BATCH, _REPEATS, _PAGE, _POINTS = 1000, 500, 7, 100, 500
#: The camera with a year of frames.
_CAMERA = "cam-0000"


def label(device: str, number: int, at: float) -> FrameLabel:
    """The label of a device's frame; one in a thousand is rare."""
    name = _LABELS[8 + number % 2] if number % 1000 < 2 else _LABELS[number * 7 % 8]
    job = f"{number:08d}-0123456789abcdef"
    return FrameLabel(device, job, number, name, at, at + 2.0, None, at, group=_GROUPS.get(name, ""))


def events(labels: int) -> Iterator[Event]:
    """All labels and readings, about in the order in which they would be recorded."""
    year = min(labels, int(_YEAR / _MINUTE))
    for number in range(year):
        yield label(_CAMERA, number, _NOW - (year - number) * _MINUTE)
    each, more = divmod(labels - year, _DEVICES - 1)
    for number in range(each + 1):
        for device in range(1, _DEVICES):
            if number < each or device <= more:
                yield label(f"cam-{device:04d}", number, _NOW - (each + 1 - number) * _MINUTE + device / 100)
    readings = int(year * _METER)
    for number in range(readings):
        job, at = f"{number:08d}-0123456789abcdef", _NOW - (readings - number) * _MINUTE
        value = f"{1000 + number / 100:.2f}"
        yield Reading("meter", "water", job, at, "good" if number % 50 else "corrected", value, "m³", 0.999)


def questions(history: History) -> dict[str, Callable[[], object]]:
    """What is asked, by its name; labels of the whole year, but where the name says otherwise."""
    devices = history.devices()
    middle = _NOW - _YEAR / 2
    found = {
        "plot of a year, one camera": lambda: history.label_plot(LabelFilter(_CAMERA), _POINTS),
        "plot of a year, one label of it": lambda: history.label_plot(LabelFilter(_CAMERA, "truck"), _POINTS),
        "plot of a year, all devices": lambda: history.label_plot(LabelFilter(), _POINTS),
        "plot of a day by 5 minutes": lambda: history.label_plot(LabelFilter(_CAMERA, start=_NOW - _DAY), _POINTS),
        "plot of an hour, all devices": lambda: history.label_plot(LabelFilter(start=_NOW - _HOUR), _POINTS),
        "plot of a reading": lambda: history.reading_plot(ReadingFilter("meter", "water"), _POINTS),
        "last labels of 1,000 devices": lambda: history.last_labels(devices),
        "sparks of 1,000 devices": lambda: history.sparks(devices, _NOW),
        "last readings of 1,000 devices": lambda: history.last_readings(devices),
    }
    filters = {
        "all": LabelFilter(),
        "one camera": LabelFilter(_CAMERA),
        "a rare label": LabelFilter(label="truck"),
        "a group": LabelFilter(group="vehicle"),
        "a camera's rare label": LabelFilter(_CAMERA, "truck"),
        "a camera's group up to a half year ago": LabelFilter(_CAMERA, group="vehicle", end=middle),
        "a camera's group from then on, oldest first": LabelFilter(
            _CAMERA, group="vehicle", start=middle, order="oldest"
        ),
    }
    for name, wanted in filters.items():
        cursor = None
        for _ in range(3):  # deep in the list, where it is long enough
            page = history.labels(wanted, cursor, 5000)
            cursor = page.next_cursor or cursor
        for where, start in (("first", None), ("late", cursor)):
            found[f"{where} page: {name}"] = partial(history.labels, wanted, start, _PAGE)
    return found


def timed(question: Callable[[], object]) -> dict[str, float]:
    """The median and the longest time (ms) that an answer takes, and the median of the processor's time (ms)."""
    times, worked = [], []
    for _ in range(_REPEATS):
        start, worked_before = time.perf_counter(), time.process_time()
        question()
        times.append((time.perf_counter() - start) * 1000)
        worked.append((time.process_time() - worked_before) * 1000)
    figures = {"median_ms": statistics.median(times), "longest_ms": max(times), "worked_ms": statistics.median(worked)}
    return {name: round(figure, 1) for name, figure in figures.items()}


class Clocked:
    """How long a block took (s), and how long the processor worked for it (s)."""

    def __enter__(self) -> "Clocked":
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.took = time.perf_counter() - self._start[0]
        self.worked = time.process_time() - self._start[1]


def measure(labels: int, folder: Path) -> dict[str, Any]:
    """Fill a history, open it again, and ask it everything."""
    path = folder / "history.sqlite"
    history, every, added = History(path), events(labels), 0
    with Clocked() as adding:
        while batch := list(islice(every, _BATCH)):
            added += history.add(batch)
    history.close()
    size = path.stat().st_size
    with Clocked() as opening:
        history = History(path)
    answers = {name: timed(question) for name, question in questions(history).items()}
    with Clocked() as forgetting:
        forgotten = history.forget(_NOW - 0.9 * _YEAR)
    history.close()
    return {
        "rows": added,
        "bytes a row": round(size / added),
        "rows added a second": round(added / adding.took),
        "rows added a second of the processor": round(added / adding.worked),
        "opened in (s)": round(opening.took, 2),
        "opened in (s of the processor)": round(opening.worked, 2),
        "rows forgotten at once": forgotten,
        "forgotten in (ms of the processor)": round(forgetting.worked * 1000, 1),
        "answers": answers,
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("--labels", type=int, default=1_000_000, help="labels of all devices together")
    parser.add_argument("--json", help="a file, or - for standard output")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.labels, Path(folder))
    text = json.dumps(figures, indent=2)
    if options.json == "-":
        print(text)
        return
    if options.json:
        Path(options.json).write_text(text + "\n")
    answers = figures.pop("answers")
    for name, figure in figures.items():
        print(f"{name:52} {figure:>10,}")
    print(f"\n{'answer':52} {'median':>10} {'longest':>10} {'processor':>10}   (ms)")
    for name, answer in answers.items():
        print(f"{name:52} " + " ".join(f"{figure:>10.1f}" for figure in answer.values()))


if __name__ == "__main__":
    main()
