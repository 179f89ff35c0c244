"""The paper's configurations through the whole pipeline, each at every security level."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

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
    command = [sys.executable, "-m", "blindsight", "demo", "--model", str(model), "--json", "-"]
    command += ["--devices", "1", "--frames", "2", "--security", str(security)]
    command += ["--encrypt-from", configuration.encrypt_from]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["labelled"], report["agree_with_plain"], report["security_bits"]) == (2, 2, security)
