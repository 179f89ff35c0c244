"""The table says what each device is and saw, and no lead where labels only are kept."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console as Terminal

from common.wire.messages import Receipt
from common.wire.status import Status
from console.record.record import Check, FrameLabel, Record
from console.table import LiveTable

LABEL = FrameLabel("cam-a", "00000003-0123456789abcdef", 3, "[b]seven", 1.0, 2.0, 0.5)
STATUS = Status("online", "i", 1.0, pending=7, parked=1)


@pytest.mark.parametrize("label_only", [False, True])
def test_a_device_s_row(label_only: bool, tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    for device, before in (("cam-a", 40), ("cam-b", 2)):
        labels = [msgspec.structs.replace(LABEL, device=device, counter=counter) for counter in range(before)]
        got = "one" if device == "cam-a" else "seven"
        checks = [Check(device, LABEL.job, 50, "seven", got, "w")]
        record.add(device, "p", Receipt(1, LABEL.job, before, 1.0, 1.0, 1.0, 1.0, 2.0), labels, checks)
    terminal = Terminal(file=io.StringIO(), width=120)
    table = LiveTable(terminal, record, label_only)
    record.close()
    table.label(LABEL)
    table.alarm(Check("cam-a", LABEL.job, 4, "seven", "one", "w"))
    table.status("cam-a", STATUS)
    table.close()
    terminal.print(table.render())
    written = terminal.file.getvalue()
    cells = next(line for line in written.splitlines() if "cam-a" in line).split()
    lead = [] if label_only else ["0.5"]
    assert cells == [
        "cam-a",
        "online",
        "[b]seven",
        *lead,
        "41",
        "1",
        "7",
        "1",
        "2",
    ]  # an alarm of an earlier run, and one of this
    assert ("lead" in written) is not label_only
    other = next(line for line in written.splitlines() if "cam-b" in line)
    assert other.split()[-1] == "0"  # its check was right


def test_a_label_is_shown_with_its_group(tmp_path: Path) -> None:
    record, terminal = Record(tmp_path / "labels.sqlite"), Terminal(file=io.StringIO(), width=120)
    table = LiveTable(terminal, record, label_only=False)
    record.close()
    table.label(msgspec.structs.replace(LABEL, label="truck", group="vehicle"))
    table.close()
    assert "truck (vehicle)" in table.render().plain


def test_at_eighty_columns_no_word_is_cut_and_what_matters_stays(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    terminal = Terminal(file=io.StringIO(), width=80, height=24)
    table = LiveTable(terminal, record, label_only=False)
    record.close()
    table.close()
    name, label = "gate-at-the-north-side-of-the-yard-behind-the-old-machine-hall-0", "a person with a dog " * 8
    table.label(msgspec.structs.replace(LABEL, device=name, label=label))
    table.status(name, msgspec.structs.replace(STATUS, pending=1_234_567_890, parked=12_345))
    for number in range(5000):
        table.status(f"cam-{number:04d}", STATUS)
    lines = table.render().plain.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert name not in text  # it has no trouble that the others haven't, and comes after them
    table._browser.press("/")
    table._browser.press("g")
    lines = table.render().plain.splitlines()
    assert lines[1] == name
    assert lines[2].split() == ["online", "0.5", "1", "1", "1.2G", "12,345", "0"]
    assert " ".join(lines[3:6]).split()[2:] == label.split()
    assert max(map(len, lines)) <= 80
