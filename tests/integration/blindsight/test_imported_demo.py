"""From an ONNX file with ReLU and max pooling to encrypted labels in two commands, however many keys its plan has.

The limit of Redis is set below the keys of its fastest plan, in place of a network that takes minutes to compile.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("onnx", reason="onnx isn't installed: pip install .[onnx]")

from blindsight.cli import app
from common.keys import evaluation_keys
from common.keys.evaluation_keys import uploaded_size
from common.plan.plan_file import load_plan
from tests.onnx_graphs import make_model, node, save

pytestmark = pytest.mark.slow


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """An untrained network with both, as PyTorch exports them."""
    rng = np.random.default_rng(2)
    constants = {
        "w1": rng.normal(size=(4, 1, 3, 3)) / 3,
        "b1": rng.normal(size=4) / 4,
        "w2": rng.normal(size=(3, 4 * 4 * 4)) / 8,
        "b2": np.zeros(3),
    }
    nodes = [
        node("Conv", "x w1 b1", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "m", "f"),
        node("Gemm", "f w2 b2", "y", transB=1),
    ]
    return save(make_model(nodes, (1, 1, 8, 8), constants), tmp_path)


def test_a_network_whose_fastest_plan_has_too_many_keys_is_labelled_by_one_of_few(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.zeros(60, dtype=np.int64))
    monkeypatch.chdir(tmp_path)
    command = ["model", "import", network.name, "--calibrate", "frames.npz", "--replace-maxpool", "mean", "--json", "-"]

    def imported(out: str) -> tuple[dict[str, object], str]:
        done = CliRunner().invoke(app, [*command, "-o", out])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)["plan"], done.stderr

    fast, _ = imported("fast")
    limit = uploaded_size(load_plan(tmp_path / "fast" / "fast-128.plan").head) - 1
    monkeypatch.setattr(evaluation_keys, "_MAX_VALUE_BYTES", limit)
    small, said = imported("mine")
    assert "MB of evaluation keys, more than Redis holds: compiling one of few keys" in said
    assert "next: blindsight demo --model ./mine" in said
    assert (fast["chained"], small["chained"]) == (False, True)

    done = CliRunner().invoke(
        app, ["demo", "--model", "./mine", "--devices", "1", "--frames", "2", "--json", "demo.json"]
    )
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "demo.json").read_text())
    assert (report["labelled"], report["agree_with_plain"] + report["too_close"] >= 2) == (2, True)
    assert report["evaluation_key_bytes"] <= limit
