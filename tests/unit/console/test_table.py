"""The table says what each device is and saw, and no lead where labels only are kept."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console as Terminal

from common.messages import Receipt, Status
from console.record import Check, FrameLabel, Record
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
    row = next(line for line in written.splitlines() if "cam-a" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
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
    assert other.strip("│").split("│")[-1].strip() == "0"  # its check was right
