"""`blindsight model evaluate` and `show`: what a plan does and costs, for programs and people."""

import json
from pathlib import Path

import pytest

from tests.unit.blindsight.runs import run, succeed


@pytest.mark.slow
def test_an_evaluation_reports_what_a_program_needs(tmp_path: Path) -> None:
    succeed("model", "evaluate", "digits", "--frames", "3", "--json", str(tmp_path / "report"))
    report = json.loads((tmp_path / "report").read_text())
    assert report["agreement"] == report["encrypted_accuracy"] == report["plain_accuracy_same_frames"] == 1.0
    assert report["max_score_error"] <= report["score_error_bound"]
    assert report["evaluate_ms"].keys() == {"p50", "p95"}
    assert {"plain_accuracy", "rotations", "key_bytes"} <= report.keys()


@pytest.mark.slow
def test_a_plan_is_simulated_on_all_samples() -> None:
    groups = ("--group", "even=0,2,4,6,8", "--group", "odd=1,3,5,7")
    done = run("model", "evaluate", "digits", "--simulate", "--json", "-", *groups)
    report = json.loads(done.stdout)
    assert (report["frames"], report["agreement"]) == (100, 1.0)
    assert [(each["group"], each["frames"]) for each in report["groups"]["groups"]] == [
        ("even", 50),
        ("odd", 40),
        ("", 10),
    ]
    assert report["max_score_difference"] < 1e-3


@pytest.mark.slow
def test_show_prints_what_each_stage_costs() -> None:
    done = run("model", "show", "digits", COLUMNS="80")
    assert done.returncode == 0
    assert "stage" in done.stderr and "32×11×11" in done.stderr and "bits left" in done.stderr
