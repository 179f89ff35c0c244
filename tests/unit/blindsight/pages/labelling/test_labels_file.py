"""labels.csv is whole after every change, and keeps what others wrote into it."""

from pathlib import Path

import pytest

from blindsight.pages.labelling.labels_file import LabelsFile
from common.errors import ConfigurationError


def test_a_change_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    labels = LabelsFile(tmp_path)
    labels.change("a.png", "7")
    labels.change("b, c.png", "between")
    labels.change("a.png", "8")
    assert labels.path.read_text() == 'file,label\na.png,8\n"b, c.png",between\n'
    labels.change("a.png", None)
    assert dict(LabelsFile(tmp_path).labels) == {"b, c.png": "between"}
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


def test_other_columns_and_rows_stay(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("\ufefflabel,file,who\r\n3,gone.png,Ada\r\n4,a.png,Ada\r\n,b.png,Ada\r\n")
    labels = LabelsFile(tmp_path)
    assert dict(labels.labels) == {"gone.png": "3", "a.png": "4"}
    labels.change("a.png", "5")
    labels.change("c.png", "6")
    assert labels.path.read_text() == "label,file,who\n3,gone.png,Ada\n5,a.png,Ada\n,b.png,Ada\n6,c.png,\n"


def test_of_two_rows_of_a_file_the_last_one_counts(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.png,3\nb.png,1\n a.png , 4 \n")
    assert dict(LabelsFile(tmp_path).labels) == {"b.png": "1", "a.png": "4"}


def test_what_another_program_wrote_meanwhile_is_taken_over(tmp_path: Path) -> None:
    labels = LabelsFile(tmp_path)
    labels.change("a.png", "1")
    assert not labels.refresh()
    (tmp_path / "labels.csv").write_text("file,label\nother.png,9\n")
    assert labels.refresh()
    assert dict(labels.labels) == {"other.png": "9"}


def test_a_change_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    labels = LabelsFile(tmp_path)
    labels.change("a.png", "1")
    labels.path.unlink()
    labels.path.mkdir()
    (labels.path / "in the way").touch()
    with pytest.raises(OSError):
        labels.change("a.png", "2")
    assert dict(labels.labels) == {"a.png": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


@pytest.mark.parametrize(
    "content",
    [b"name,label\n", b"file,file,label\n", b"file,label\n\xff\n", b"\x00\x01", b"file,label" + b"," * 1_000_000],
)
def test_a_file_that_is_no_list_of_labels_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(ConfigurationError, match="file,label"):
        LabelsFile(tmp_path)
    assert (tmp_path / "labels.csv").read_bytes() == content
