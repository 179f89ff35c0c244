"""What is measured of readings, and the bars that they have to reach."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.readings.weeks import Picture
from common.readings.evidence import Labels
from common.readings.packing import pack, unpack
from common.readings.spec import ReadingSpec
from common.readings.tracker import Tracker

#: The bars: the least share of published readings within one unit of the last wheel; the least share of pictures for
#: which a reading is published; how many pictures in a row may show clearly that a belief is wrong.
WITHIN, PUBLISHED, WRONG_IN_A_ROW = 0.999, 0.95, 5


@dataclass
class Score:
    """What was counted. `longest_wrong` is in clear pictures in a row for which a wrong value was published."""

    pictures: int = 0
    published: int = 0
    within: int = 0
    resets: int = 0
    longest_wrong: int = 0
    falls: int = 0

    @property
    def reached(self) -> bool:
        """Whether all bars are reached."""
        return (
            self.within >= WITHIN * self.published
            and self.published >= PUBLISHED * self.pictures
            and self.longest_wrong <= WRONG_IN_A_ROW
            and self.falls == 0
        )

    def add(self, other: "Score") -> None:
        """Count another's pictures, too."""
        for name in ("pictures", "published", "within", "resets", "falls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_wrong = max(self.longest_wrong, other.longest_wrong)


def judge(spec: ReadingSpec, names: tuple[str, ...], pictures: Iterable[Picture]) -> Score:
    """Let a tracker read pictures, with restarts, and compare what it publishes with what is true."""
    tracker, track, score = Tracker(spec, Labels(names)), None, Score()
    wheels, last, wrong = len(spec.regions), None, 0
    for picture in pictures:
        if picture.restart and track is not None:
            track = unpack(pack(track), wheels)
        track, outcome = tracker.take(track, picture.scores, 3600 * picture.hour)
        score.pictures += 1
        if outcome.value is None:
            wrong = 0
            continue
        value = units(outcome.value)
        is_right = any((value - digits) % 10**wheels in (0, 1, 10**wheels - 1) for digits in shown(picture.count))
        wrong = 0 if is_right or not picture.clear else wrong + 1
        score.published += 1
        score.within += is_right
        score.resets += outcome.state == "reset"
        score.longest_wrong = max(score.longest_wrong, wrong)
        score.falls += outcome.state != "reset" and last is not None and value < last
        last = value
    return score


def shown(count: float) -> set[int]:
    """What the last wheel shows, in units: one count, or two while it is between two digits."""
    whole, part = int(count), count % 1
    return {whole + (part >= 0.75)} if abs(part - 0.5) >= 0.25 else {whole, whole + 1}


def units(value: str) -> int:
    """A published value in units of the last wheel."""
    return int(value.replace(".", ""))
