"""What photos are known to show is read from a CSV file, and compared wheel by wheel."""

from pathlib import Path

import pytest

from blindsight.cameras.expected import Expected, ExpectedReadings
from common.errors import ConfigurationError
from common.readings.spec import ReadingSpec


def spec(wheels: int, decimals: int) -> ReadingSpec:
    return ReadingSpec("water", tuple(f"d{n}" for n in range(wheels)), decimals, "m³", 3.0)


@pytest.mark.parametrize(
    ("reading", "wheels", "decimals", "digits"),
    [
        ("01234", 5, 0, "01234"),
        ("1234", 5, 0, "01234"),
        ("1234.5", 5, 1, "12345"),
        ("0034.50", 6, 2, "003450"),
        ("12345", 5, 1, "12345"),  # as many digits as wheels: what they show
        ("7", 5, 1, "00070"),
    ],
)
def test_a_reading_says_what_each_wheel_shows(reading: str, wheels: int, decimals: int, digits: str) -> None:
    assert Expected("a.png", reading, "here").digits(spec(wheels, decimals)) == digits


@pytest.mark.parametrize("reading", ["123456", "12.5", "-3", "nan", "1e99", "twelve", ""])
def test_a_reading_that_the_wheels_cannot_show_is_refused(reading: str) -> None:
    with pytest.raises(ConfigurationError, match="here: reading is"):
        Expected("a.png", reading, "here").digits(spec(5, 0))


def test_a_photo_is_found_by_its_path_or_its_name(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text("file,reading,note\nphotos/a.png,1,\nb.png,2,dark\n", encoding="utf-8-sig")
    lines = ExpectedReadings(path)
    assert lines.of(Path("photos/a.png")).reading == "1"
    assert lines.of(Path("elsewhere/b.png")).reading == "2"
    with pytest.raises(ConfigurationError, match=r"has no line for photos/c.png; add: c.png,READING"):
        lines.of(Path("photos/c.png"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.png,1\n", "whose first line isn't: file,reading"),
        ("file,reading\na.png\n", "line 2: it has no file or no reading"),
        ("file,reading\na.png,1\na.png,2\n", "line 3: a.png is there twice"),
        ("file,reading\na.png," + "1" * 200_000, "can't be read: line 2: field larger than field limit"),
        ("file,reading" + "," * 1000, "can't be read: line 1 has 1,002 columns"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=told):
        ExpectedReadings(path)
