"""The table says what each device is and saw, and no lead where labels only are kept."""

import io

import pytest
from rich.console import Console as Terminal

from common.messages import Status
from console.record import FrameLabel
from console.table import LiveTable

LABEL = FrameLabel("cam-a", "00000003-0123456789abcdef", 3, "[b]seven", 1.0, 2.0, 0.5)
STATUS = Status("online", "i", 1.0, pending=7, parked=1)


@pytest.mark.parametrize("label_only", [False, True])
def test_a_device_s_row(label_only: bool) -> None:
    terminal = Terminal(file=io.StringIO(), width=120)
    table = LiveTable(terminal, {"cam-a": 40, "cam-b": 2}, label_only)
    table.label(LABEL)
    table.status("cam-a", STATUS)
    table.close()
    terminal.print(table.render())
    written = terminal.file.getvalue()
    row = next(line for line in written.splitlines() if "cam-a" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    lead = [] if label_only else ["0.5"]
    assert cells == ["cam-a", "online", "[b]seven", *lead, "41", "1", "7", "1"]
    assert ("lead" in written) is not label_only
    assert "cam-b" in written
