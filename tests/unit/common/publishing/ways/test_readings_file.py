"""Each reading is a line of a file, once, as CSV or JSON."""

from pathlib import Path

import msgspec
import pytest

from common.errors import BlindsightError, ConfigurationError
from common.publishing.events import FrameLabel
from common.publishing.outgoing import Outgoing
from common.publishing.ways.readings_file import ReadingsFileWay
from common.readings.reading import Reading
from common.service.database import Database
from console.record.record_file import RECORD

READINGS = [Reading("cam-a", "=water", f"0000000{n}-x", 1000.0 + n, "good", f"12.{n}", "m³", 0.99) for n in range(3)]


@pytest.mark.parametrize("name", ["readings.csv", "readings.jsonl"])
def test_a_reading_that_comes_again_has_one_line(tmp_path: Path, name: str) -> None:
    bodies = [msgspec.json.encode(reading) for reading in READINGS]
    for begin, end in ((0, 2), (1, 3)):  # the process died before it knew that the second one arrived
        way = ReadingsFileWay(tmp_path / name)
        way.send(bodies[begin:end])
        way.close()
    lines = (tmp_path / name).read_text().splitlines()
    if name.endswith(".csv"):
        assert lines[0] == "device,name,job,captured_at,state,value,unit,probability,why"
        assert lines[1] == "cam-a,'=water,00000000-x,1000.0,good,12.0,m³,0.99,"
        assert len(lines) == 4
    else:
        assert [msgspec.json.decode(line, type=Reading) for line in lines] == READINGS


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"readings is .*, which can't be written: Is a directory"):
        ReadingsFileWay(tmp_path)
    way = ReadingsFileWay(tmp_path / "x.jsonl")
    way.close()
    (tmp_path / "x.jsonl").unlink()
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(BlindsightError, match="can't be written"):
        way.send([b"{}"])


def test_labels_do_not_wait_for_the_file_of_readings(tmp_path: Path) -> None:
    db = Database(tmp_path / "labels.sqlite", RECORD)
    outgoing = Outgoing(db, ["readings", "webhook"])
    with db.transaction() as transaction:
        outgoing.add(transaction, [FrameLabel("cam-a", "j", 0, "7", 1.0, 2.0), READINGS[0]])
    assert (outgoing.waiting("readings"), outgoing.waiting("webhook")) == (1, 2)
    db.close()
