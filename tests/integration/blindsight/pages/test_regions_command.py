"""`blindsight camera regions` from a picture of the camera to the file that the person saved."""

import signal
from pathlib import Path

import pytest
from PIL import Image

from common.pictures.region_file import load_regions
from tests.integration.blindsight.pages.commands import browser, serving
from tests.unit.blindsight.pages.digits_picture import digits_picture


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "photos").mkdir()
    Image.fromarray(digits_picture()[:, :, 0]).save(tmp_path / "photos" / "1.png")
    words = f"camera regions --camera folder:{tmp_path}/photos --digits 5 --model digits -o {tmp_path}/meter.toml"
    return words.split()


@pytest.mark.slow
def test_it_ends_once_the_person_has_saved(command: list[str], tmp_path: Path) -> None:
    with serving(*command) as process, browser(process) as client:
        state = client.get("/api/regions").json()
        draft = {"regions": state["regions"], "readings": state["readings"]}
        draft["regions"][0]["corners"][0] = [11, 12]
        assert client.post("/api/save", json={"draft": draft, "overwrite": False}).json() == {"saved": True}
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and output.startswith(f"written to {tmp_path}/meter.toml")
    saved = load_regions(tmp_path / "meter.toml")
    assert len(saved.regions) == 5 and saved.regions[0].corners[0] == (11, 12)


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_without_a_file(command: list[str], tmp_path: Path) -> None:
    with serving(*command) as process, browser(process):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert not (tmp_path / "meter.toml").exists()
