"""Lists in one flag, or in a file."""

from pathlib import Path

import pytest

from blindsight.command_line.lists import read_labels, read_numbers
from common.errors import ConfigurationError


def test_labels_and_numbers_as_flags_give_them(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("zero\none, or more\n\n")
    assert read_labels(str(tmp_path / "labels.txt")) == ["zero", "one, or more"]
    assert read_labels("a, b") == ["a", "b"] and read_labels(None) is None
    for wrong in ("", "a,,b"):
        with pytest.raises(ConfigurationError, match="labels is"):
            read_labels(wrong)
    assert read_numbers("std", "1/255, 0.5") == [1 / 255, 0.5]
    for wrong in ("x", "1/0", "", "1,", "nan", "1e999999999"):
        with pytest.raises(ConfigurationError, match="std is"):
            read_numbers("std", wrong)
