"""What each part of a site has imported once a frame has gone round: nothing of the other parts."""

from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from tests.imports import ABSENT, LIST_IMPORTS, imported
from tests.integration.fleet import make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow


def test_no_part_imports_another_while_a_frame_goes_round(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LIST_IMPORTS.items():
        monkeypatch.setenv(name, value)
    fleet = make_fleet(servers, tmp_path)
    write_pictures(tmp_path / "pictures", range(1))
    try:
        bridge, worker = fleet.start_bridge(), fleet.start_worker()
        device = fleet.start_device("cam-a", tmp_path / "pictures", "--exit-when-done")
        wait_for("the end of the device", lambda: not device.running)
    finally:
        fleet.services.stop()
    assert [result.label is not None for result in fleet.results("cam-a")] == [True]
    for name, part in (("device", device), ("bridge", bridge), ("worker", worker)):
        assert imported(part.log.read_text()) & ABSENT[name] == set(), name
