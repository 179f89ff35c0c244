"""The paper's configurations through the whole pipeline: each at every security level, and each sealed for a site."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.paper import CONFIGURATIONS, Configuration
from models.catalogue import model_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def model(configuration: Configuration, tmp_path: Path) -> Path:
    """The configuration's network as a model's folder, with the samples of `digits`."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(configuration.weights, folder / "network.npz")
    (folder / "samples").symlink_to(model_folder("digits") / "samples")
    return folder


@pytest.mark.parametrize("security", [128, 192, 256])
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_frames_are_labelled_as_in_plain(configuration: Configuration, security: int, model: Path) -> None:
    report = demo(model, configuration, "--security", str(security))
    assert (report["labelled"], report["agree_with_plain"], report["security_bits"]) == (2, 2, security)


@pytest.mark.parametrize("security", [128, 256])
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_frames_are_labelled_by_a_sealed_model_as_in_plain(
    configuration: Configuration, security: int, model: Path
) -> None:
    report = demo(model, configuration, "--security", str(security), "--custody", "site", "--sealed")
    assert (report["sealed"], report["custody"], report["security_bits"]) == (True, "site", security)
    assert (report["labelled"], report["duplicates"], report["agree_with_plain"]) == (2, 0, 2)


def demo(model: Path, configuration: Configuration, *options: str) -> dict[str, Any]:
    """The report of a demo of one device and two frames, which must succeed."""
    command = [sys.executable, "-m", "blindsight", "demo", "--model", str(model), "--json", "-"]
    command += ["--devices", "1", "--frames", "2", "--encrypt-from", configuration.encrypt_from, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
