"""The paper's configurations: each compiles at every level, and decides encrypted as in plain. The table of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import paper_table
from benchmarks.figures import Figures
from benchmarks.paper import CONFIGURATIONS, Configuration, measure
from blindsight.splitting import find_layer
from common.compiler import compile_network
from common.network import Network
from models.catalogue import LabelledFrames, load_samples
from tests.encrypted import evaluator

LEVELS = [(configuration, bits) for configuration in CONFIGURATIONS for bits in (128, 192, 256)]


@pytest.mark.slow
@pytest.mark.parametrize(("configuration", "security"), LEVELS, ids=lambda value: getattr(value, "name", value))
def test_encrypted_frames_get_the_labels_of_plain_ones(configuration: Configuration, security: int) -> None:
    network, frames = Network.load(configuration.weights), load_samples("digits").frames
    first = find_layer(configuration.encrypt_from, network)
    plan = compile_network(network, frames, security, encrypt_from=first)
    assert plan.head.parameters.security_bits == security
    evaluate, few = evaluator(plan), frames[::34]
    scores = np.concatenate([evaluate(frame[None]) for frame in few])
    assert np.abs(scores - network.scores(few)).max() <= plan.head.error_bound
    assert (scores.argmax(axis=1) == network.scores(few).argmax(axis=1)).all()


def test_a_network_without_activations_is_one_linear_stage() -> None:
    network = Network.load(CONFIGURATIONS[1].weights)
    plan = compile_network(network, load_samples("digits").frames)
    assert [stage.shape for stage in plan.stages] == [(10, 1, 1)]
    assert plan.head.relinearisation_level is None


@pytest.mark.parametrize(("configuration", "least"), [(0, 0.98), (1, 0.85), (2, 0.98)])
def test_the_networks_classify(configuration: int, least: float) -> None:
    samples, network = load_samples("digits"), Network.load(CONFIGURATIONS[configuration].weights)
    assert np.mean(network.scores(samples.frames).argmax(axis=1) == samples.labels) >= least


@pytest.mark.slow
def test_roles_measured_in_processes_of_their_own_agree_with_the_plain_network() -> None:
    samples = load_samples("digits")
    figures = measure(CONFIGURATIONS[0], 128, LabelledFrames(samples.frames[:3], samples.labels[:3], samples.names[:3]))
    assert (figures["agreement"], figures["rotations"]) == (1.0, 0)
    for role in ("evaluation", "decryption"):
        assert 0 < figures[role]["idle_bytes"] < figures[role]["peak_bytes"]


def report() -> Figures:
    role = {"ms": 1234.5, "idle_bytes": 50e6, "peak_bytes": 80e6}
    figures = {"evaluation": role, "decryption": {**role, "ms": 0.5}, "ring_dimension": 8192, "rotations": 1}
    accuracy: dict[str, Any] = {"plain_accuracy": 0.5, "encrypted_accuracy": 0.5, "agreement": 1.0}
    rows = [
        {"configuration": configuration.name, "security_bits": bits, **figures, **accuracy}
        for configuration, bits in LEVELS
    ]
    return {"machine": "a machine", "weights": "plain", "frames": 3, "rows": rows}


def test_the_papers_figures_stand_beside_its_cheapest_and_dearest_configuration_only() -> None:
    table = [line for line in paper_table.markdown(report()).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert {len(each) for each in cells} == {len(cells[0])}
    assert cells[2][2:6] == ["1.23 s", "2.1 s", "80.0 MB", "53.9 MB"]
    assert cells[10][2:6] == ["1.23 s", "1 h 33 min", "80.0 MB", "almost 5 GB"]
    assert {each[3] for each in cells[3:10]} == {""}


def test_the_table_replaces_the_one_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paper_table.DOCUMENT.read_text(encoding="utf-8")
    copy = tmp_path / "paper.md"
    copy.write_text(whole, encoding="utf-8")
    monkeypatch.setattr(paper_table, "DOCUMENT", copy)
    for frames in (3, 4):
        paper_table.insert(report() | {"frames": frames})
    text = copy.read_text(encoding="utf-8")
    assert text.count("| last layer | 128 |") == 1 and "over 4 frames" in text
    assert whole.splitlines()[0] == text.splitlines()[0] and whole.splitlines()[-1] == text.splitlines()[-1]
    assert text.count("<!-- make paper: ") == 2
