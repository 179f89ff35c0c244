"""The example of one's own network: as it stands, with PyTorch; and without it, with a network from an ONNX file."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import structlog

from tests.onnx_graphs import make_model, node, save

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "own_network.py"
#: With this comment the part begins that has nothing to do with PyTorch.
CUT = "# Whoever has the network compiles it"


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 40


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_it_runs_as_it_stands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "top\n"), done.stderr  # the first frame is bright at the top


def test_all_but_the_training_runs_without_pytorch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structlog, "is_configured", lambda: False)  # other tests may have, in this process
    frames = np.random.default_rng(0).integers(0, 120, (40, 12, 12), dtype=np.uint8)
    frames[0, :6] += 100
    halves = np.zeros((144, 2))
    halves[:72, 0] = halves[72:, 1] = 1 / 72
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "h"), node("Relu", "h")]
    net = save(make_model(nodes, ("n", 1, 12, 12), {"w": halves}), tmp_path)
    body = "import blindsight as bs\n" + CUT + EXAMPLE.read_text().partition(CUT)[2]
    assert body.count("\n") > 10
    exec(compile(body, EXAMPLE.name, "exec"), {"net": net, "frames": frames})
    assert capsys.readouterr().out == "top\n"
