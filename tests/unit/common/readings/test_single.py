"""One picture alone gives its value where its labels are clear, or says why it is rejected."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from common.errors import ConfigurationError
from common.readings.evidence import Floats
from common.readings.single import SingleReader
from common.readings.spec import ReadingSpec

NAMES = (*"0123456789", "between", "unreadable")
SPEC = ReadingSpec("water", ("d1", "d2", "d3", "d4"), 1, "m³", 3.0)
Wheel = str | Mapping[str, float]


def _scores(*wheels: Wheel, names: Sequence[str] = NAMES) -> Floats:
    """The scores of each wheel: 14 for its label, or as given, and 0 for the others."""
    scores = np.zeros((len(wheels), len(names)))
    for row, wheel in zip(scores, wheels, strict=True):
        for label, score in ({wheel: 14.0} if isinstance(wheel, str) else wheel).items():
            row[names.index(label)] = score
    return scores


TURNING_7_8 = {"between": 13.0, "7": 8.0, "8": 8.0}
TURNING_9_0 = {"between": 13.0, "9": 8.0, "0": 8.0}


@pytest.mark.parametrize(
    ("wheels", "value"),
    [
        ("1234", "123.4"),
        ("0007", "0.7"),
        (("1", "2", "3", TURNING_7_8), "123.7"),  # the last wheel turns
        (("1", "2", TURNING_7_8, TURNING_9_0), "127.9"),  # two wheels turn together
        (("1", "2", TURNING_7_8, "9"), "127.9"),  # the third turns early
        (("1", "2", TURNING_7_8, "0"), "128.0"),  # the third turns late
    ],
)
def test_clear_labels_are_read_and_wheels_that_turn_are_understood(wheels: Sequence[Wheel], value: str) -> None:
    reading = SingleReader(SPEC, NAMES).read(_scores(*wheels))
    assert (reading.value, reading.digits, reading.why) == (value, value.replace(".", "").zfill(4), "")


@pytest.mark.parametrize(
    ("wheels", "why"),
    [
        (("1", "unreadable", "3", "4"), "d2 can't be read"),
        (("1", {"2": 5.0, "7": 5.0}, "3", "4"), "is not sure enough"),
        (("1", "2", "3", "between"), "is not sure enough"),  # between which digits?
        (("1", {"between": 13.0, "7": 8.0, "8": 8.0}, "3", "4"), "is not sure enough"),  # nothing turns this wheel
        (("1", "2", {}, "4"), "is not sure enough"),
    ],
)
def test_what_may_be_wrong_is_rejected_with_why(wheels: Sequence[Wheel], why: str) -> None:
    reading = SingleReader(SPEC, NAMES).read(_scores(*wheels))
    assert reading.value is None
    assert why in reading.why


def test_a_model_of_ten_digits_reads_too() -> None:
    names = NAMES[:10]
    assert SingleReader(SPEC, names).read(_scores(*"5678", names=names)).value == "567.8"


def test_wheels_of_which_a_model_of_ten_digits_knows_nothing_are_rejected() -> None:
    names = NAMES[:10]
    assert SingleReader(SPEC, names).read(_scores({}, {}, {}, "4", names=names)).value is None


def test_a_model_without_digits_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the plan has no label '9', and a reading needs 0 to 9"):
        SingleReader(SPEC, ("cat", *NAMES[:9]))


def test_a_doubt_about_one_wheel_stays_as_large_beside_wheels_that_are_sure() -> None:
    doubtful = {"8": 14.0, "9": 10.2, "0": 7.8, "3": 6.8, "between": 7.2}
    alone = SingleReader(ReadingSpec("water", ("d1",), 0, "m³", 3.0), NAMES).read(_scores(doubtful))
    wheels = [{"5": 14.0, "6": 8.0}, {"4": 14.0, "9": 8.7, "8": 6.4}, {"6": 14.0}]
    together = SingleReader(SPEC, NAMES).read(_scores(*wheels, doubtful))
    assert together.digits == "5468"
    assert together.probability <= alone.probability + 0.01
