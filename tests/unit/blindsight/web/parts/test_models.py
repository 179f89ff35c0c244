"""Plans as pages show them: the same figures as `blindsight model show`."""

from pathlib import Path

import pytest

from blindsight.commands.model.plan_table import plan_facts
from blindsight.web.parts.models import read_model
from common.plan.plan_file import load_plan
from models.catalogue import plan_path

PLAN = plan_path("digits", 128)


def test_a_plan_s_figures_are_those_that_model_show_tells() -> None:
    view, facts = read_model(PLAN), plan_facts(load_plan(PLAN))
    for mine, theirs in (
        ("model", "model"),
        ("plan", "plan"),
        ("keys_bytes", "evaluation_key_bytes"),
        ("upload_bytes", "upload_bytes"),
        ("download_bytes", "download_bytes"),
        ("milliseconds", "predicted_ms"),
        ("error_bound", "score_error_bound"),
    ):
        assert getattr(view, mine) == facts[theirs]
    assert [stage.milliseconds for stage in view.stages] == [stage["predicted_ms"] for stage in facts["stages"]]  # type: ignore[attr-defined]


def test_a_shipped_model_s_accuracy_is_that_of_its_samples() -> None:
    assert read_model(PLAN).accuracy == 1.0


def test_of_a_head_alone_neither_stages_nor_times_are_told(tmp_path: Path) -> None:
    load_plan(PLAN).save_head(tmp_path / "digits.head")
    view = read_model(tmp_path / "digits.head")
    assert (view.stages, view.milliseconds) == ((), None)
    assert view.plan == read_model(PLAN).plan


def test_every_shipped_plan_is_read() -> None:
    assert read_model(plan_path("meter", 128, 8)).frames_per_ciphertext == 8


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_stage_tells_what_it_computes(stage: int) -> None:
    assert read_model(PLAN).stages[stage].layers == (("linear", "square") if stage < 2 else ("linear",))
