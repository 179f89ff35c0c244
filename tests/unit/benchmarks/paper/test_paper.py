"""The paper's configurations: each compiles at every level, sealed or not, and decides as in plain. Its tables."""

import json
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.figures import Figures
from benchmarks.harness.results import RESULTS
from benchmarks.paper import table as paper_table
from benchmarks.paper.classification import measure
from benchmarks.paper.configurations import CONFIGURATIONS, Configuration
from common.plan.network import Network
from compiler.compile import compile_network
from models.samples import load_samples
from tests.configurations import LEVELS, plan_of
from tests.encrypted import evaluator


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [False, True], ids=["plain weights", "sealed"])
@pytest.mark.parametrize(("configuration", "security"), LEVELS, ids=lambda value: getattr(value, "name", value))
def test_encrypted_frames_get_the_labels_of_plain_ones(
    configuration: Configuration, security: int, sealed: bool
) -> None:
    network, frames = Network.load(configuration.weights), load_samples("digits").frames
    plan = plan_of(configuration, security, sealed)
    assert (plan.head.parameters.security_bits, plan.head.for_sealing) == (security, sealed)
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
    figures = measure(CONFIGURATIONS[0].case(128), load_samples("digits"), 3)
    assert figures["frames"] == 3
    for form in ("sealed", "plain"):
        assert (figures[form]["agreement"], figures[form]["rotations"]) == (1.0, 0)
        assert figures[form]["max_score_error"] <= figures[form]["score_error_bound"]
        for role in ("evaluation", "decryption"):
            assert 0 < figures[form][role]["idle_bytes"] < figures[form][role]["peak_bytes"]
    # Encrypted weights alone need relinearisation here, and take more room than plain ones.
    assert figures["sealed"]["key_bytes"] > figures["plain"]["key_bytes"]
    assert figures["sealed"]["plan_bytes"] > figures["plain"]["plan_bytes"]


def report() -> Figures:
    role = {"ms": 1234.5, "idle_bytes": 50e6, "peak_bytes": 80e6}
    sealed: Figures = {
        "evaluation": role,
        "decryption": {**role, "ms": 0.5},
        "accuracy": 0.5,
        "agreement": 1.0,
        "plan_bytes": 35_000_000,
        "key_bytes": 30_000_000,
        "ring_dimension": 8192,
        "rotations": 1,
    }
    plain = {**sealed, "evaluation": {**role, "ms": 500.0}, "plan_bytes": 151_552}
    rows = [
        {
            "name": configuration.name,
            "security_bits": bits,
            "frames": 2,
            "plain_accuracy": 0.9934,
            "sealed": sealed,
            "plain": plain,
            "ratio": 2.469,
        }
        for configuration, bits in LEVELS
    ]
    return {"machine": "a machine", "frames": 3, "rows": rows}


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, by row."""
    rows = [line.strip("|").split("|") if line.startswith("|") else [] for line in text.splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [list(rows) for is_table, rows in groupby(cells, key=bool) if is_table]


def test_the_papers_figures_stand_beside_its_cheapest_and_dearest_configuration_only() -> None:
    cells, _ = tables(paper_table.markdown(report()))
    assert {len(each) for each in cells} == {len(cells[0])}
    assert cells[2][2:6] == ["1.23 s", "2.1 s", "80.0 MB", "53.9 MB"]
    assert cells[10][2:6] == ["1.23 s", "1 h 33 min", "80.0 MB", "almost 5 GB"]
    assert {each[3] for each in cells[3:10]} == {""}


def test_what_sealing_costs_stands_beside_plain_weights() -> None:
    _, cells = tables(paper_table.markdown(report()))
    assert {len(each) for each in cells} == {len(cells[0])}
    assert cells[2][2:5] == ["1.23 s", "500 ms", "2.5×"]
    assert cells[2][7:9] == ["35.0 MB", "152 kB"]


def test_the_document_has_the_tables_of_the_results() -> None:
    stored = json.loads((RESULTS / "paper.json").read_text(encoding="utf-8"))
    assert paper_table.markdown(stored) in paper_table.DOCUMENT.read_text(encoding="utf-8"), "run: make paper"
    assert [(row["name"], row["security_bits"]) for row in stored["rows"]] == [
        (configuration.name, bits) for configuration, bits in LEVELS
    ]


def test_the_tables_replace_those_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paper_table.DOCUMENT.read_text(encoding="utf-8")
    copy = tmp_path / "paper.md"
    copy.write_text(whole, encoding="utf-8")
    monkeypatch.setattr(paper_table, "DOCUMENT", copy)
    for frames in (3, 4):
        paper_table.insert(report() | {"frames": frames})
    text = copy.read_text(encoding="utf-8")
    assert text.count("| last layer | 128 |") == 2 and "on 4 frames" in text
    assert whole.splitlines()[0] == text.splitlines()[0] and whole.splitlines()[-1] == text.splitlines()[-1]
    assert text.count("<!-- make paper: ") == 2
