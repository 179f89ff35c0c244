"""`blindsight model compile`: a plan for workers, and a head for devices."""

import json
from pathlib import Path

import pytest

from common.plan.plan_file import load_head, load_plan
from common.plan.predictions import upload_bytes, weight_bytes
from tests.unit.blindsight.runs import run, succeed


@pytest.mark.slow
def test_compiling_writes_a_plan_for_workers_and_a_head_for_devices(tmp_path: Path) -> None:
    succeed("model", "compile", "digits", "-o", str(tmp_path / "digits.plan"))
    assert load_plan(tmp_path / "digits.plan").head.hash == load_head(tmp_path / "digits.head").hash
    assert (tmp_path / "digits.head").stat().st_size < (tmp_path / "digits.plan").stat().st_size / 10


@pytest.mark.parametrize("layer", ["last", "-1", "8"])
@pytest.mark.slow
def test_compiling_the_last_layer_writes_a_plan_without_a_convolution(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    succeed("model", "compile", "digits", "--encrypt-from", layer)
    plan, head = load_plan(tmp_path / "digits-128-from8.plan"), load_head(tmp_path / "digits-128-from8.head")
    assert plan.head.hash == head.hash
    assert [stage.shape for stage in plan.stages] == [(10, 1, 1)]
    assert head.front and not plan.head.front


@pytest.mark.slow
def test_a_device_without_the_front_of_its_plan_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "digits.plan"
    succeed("model", "compile", "digits", "--encrypt-from", "last", "--out", str(file))
    arguments = ["--device", "a", "--camera", "samples:digits", "--state", str(tmp_path / "s"), "--plan", str(file)]
    refused = run("device", *arguments)
    assert refused.returncode == 1
    assert "give the .head file" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_a_plan_for_several_frames_has_them_in_its_name_and_says_what_a_burst_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    succeed("model", "compile", "digits", "--frames-per-ciphertext", "64")
    plan = load_plan(tmp_path / "digits-128-k64.plan")
    assert plan.head.frames_per_ciphertext == load_head(tmp_path / "digits-128-k64.head").frames_per_ciphertext == 64
    facts = json.loads(succeed("model", "show", "digits-128-k64.plan", "--json").stdout)
    assert facts["upload_bytes"] == upload_bytes(plan.head)
    assert facts["upload_bytes_per_frame"] == round(upload_bytes(plan.head) / 64)
    assert facts["weight_bytes"] == weight_bytes(plan)
    assert facts["predicted_ms_per_frame"] == pytest.approx(facts["predicted_ms"] / 64, abs=0.1)
