"""From a device that keeps its frames to a model of one's own that reads them, as docs/own-data.md tells it."""

import json
import shlex
import threading
import time
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from blindsight.cli import app
from common.plan.plan_file import load_head
from edge.service import open_device
from edge.settings import DeviceSettings
from models.catalogue import plan_file
from tests.drawn_digits import drawn, write_labels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def keep(folder: Path, count: int) -> dict[str, str]:
    """Let a device, whose broker isn't there, see so many pictures; the files that it kept, and what they show."""
    (folder / "photos").mkdir()
    frames, digits = drawn(count)
    for number, frame in enumerate(frames):
        Image.fromarray(frame[..., 0]).save(folder / "photos" / f"{number:04d}.png")
    settings = DeviceSettings(
        device="cam-01",
        state=folder / "state",
        camera=f"folder:{folder / 'photos'}",
        plan=plan_file(Path("digits")),
        keep_frames=folder / "kept",
        mqtt_port=1,
    )
    with open_device(settings) as device:
        running = threading.Thread(target=device.agent.run)
        running.start()
        deadline = time.monotonic() + 120
        while len(list((folder / "kept").glob("*.png"))) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        device.agent.stop()
        running.join()
    names = sorted(path.name for path in (folder / "kept").iterdir())
    return dict(zip(names, map(str, digits), strict=True))


def run(command: str) -> Result:
    return CliRunner().invoke(app, shlex.split(command))


def test_a_device_keeps_what_the_network_sees(tmp_path: Path) -> None:
    truth = keep(tmp_path, 5)
    for name, frame in zip(truth, drawn(5)[0], strict=True):
        assert Image.open(tmp_path / "kept" / name).tobytes() == frame.tobytes()


def test_kept_frames_become_a_model_that_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path / "kept", keep(tmp_path, 240))

    trained = run("model train --from digits --data kept -o mine --json report.json")
    assert trained.exit_code == 0, trained.output
    report = json.loads(Path("report.json").read_text())
    assert report == json.loads(Path("mine/report.json").read_text())
    assert report["accuracy"] > report["accuracy_before"] + 0.4
    assert report["accuracy_on_samples"][1] > 0.85
    assert load_head(Path("mine/mine-128.head")).labels == tuple("0123456789")

    evaluated = run("model evaluate ./mine --frames 5 --data kept --json -")
    facts = json.loads(evaluated.stdout)
    assert facts["agreement"] == 1 and facts["plain_accuracy"] > 0.8
