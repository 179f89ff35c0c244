"""docs/python.md as a reader would run it, block by block, on a real broker with a bridge and a worker."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import blindsight as bs
from blindsight.demo.servers import Servers, start_servers
from tests.integration.fleet import make_fleet
from tests.onnx_graphs import make_model, node, save

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = start_servers(tmp_path_factory.mktemp("servers"), ["cam-01", "cam-02"])
    yield running
    running.stop()


def with_passwords(block: str, servers: Servers) -> str:
    """The block with the real broker and passwords in its URLs."""

    def url(found: re.Match[str]) -> str:
        password = servers.password_file(found[1]).read_text().strip()
        return f"mqtt://{found[1]}:{password}@127.0.0.1:{servers.mqtt_port}"

    return re.sub(r"mqtt://([\w-]+):PASSWORD@broker\.example:1883", url, block)


@pytest.mark.slow
def test_every_block_runs(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    first, second = random.normal(size=(36, 8)) / 6, random.normal(size=(8, 3))
    frames = random.integers(0, 256, (60, 6, 6), dtype=np.uint8)
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a", "h"), node("Relu", "h", "r"), node("MatMul", "r b")]
    save(make_model(nodes, ("n", 1, 6, 6), {"a": first, "b": second}), tmp_path).rename("network.onnx")
    names = {
        "net": "network.onnx",
        "frames": frames,
        "truth": random.integers(0, 3, len(frames)),
        "first_weights": first.T,
        "first_bias": np.zeros(8),
        "coefficients": (np.ones(8), np.zeros(8), np.zeros(8)),
        "second_weights": second.T,
        "second_bias": np.zeros(3),
    }
    fleet = None
    for number, block in enumerate(BLOCKS):
        if "bs.Device(" in block and fleet is None:  # the workers serve what the page has made until here
            fleet = make_fleet(servers, tmp_path, bs.load_plan("two-layers.plan"))
            fleet.start_bridge()
            fleet.start_worker()
        try:
            exec(compile(with_passwords(block, servers), f"{PAGE.name}, block {number}", "exec"), names)
        except BaseException:
            print(fleet and [service.tail() for service in fleet.services.started])
            raise
    assert fleet is not None
    fleet.services.stop()
    told = capsys.readouterr().out
    assert len(re.findall(r"^Result\(device='cam-01', .*source='', label='(?:cat|dog|fox)'", told, re.MULTILINE)) == 1
    assert len(re.findall(r"^Result\(device='cam-02', .*source='slide \d', label='(?:cat|dog|fox)'", told, re.M)) == 2
    assert re.search(r"^cam-01 0 (?:cat|dog|fox)$", told, re.MULTILINE)
    assert "{'cam-01': 1} []" in told
    assert "the model takes 6×6" in told
