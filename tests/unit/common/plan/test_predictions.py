"""What a plan is said to cost is what it costs."""

import msgspec
import numpy as np
import pytest

from common.ckks import seeding
from common.engine_names import EngineName
from common.errors import PlanError
from common.keys.key_set import create_key_set
from common.plan.costs import shipped_costs
from common.plan.plan import Plan
from common.plan.predictions import (
    check_memory,
    download_bytes,
    least_upload_bytes,
    plan_ms,
    stage_ms,
    upload_bytes,
    weight_bytes,
)
from common.plan.work import Rows
from edge.encryption import FrameCipher
from models.plans import get_plan

PLAN = get_plan("digits", 128)


def test_the_upload_is_that_of_a_real_frame(tmp_path) -> None:
    cipher = FrameCipher(PLAN.head, create_key_set(PLAN.head, tmp_path / "set"))
    encrypted = cipher.encrypt(np.zeros((1, *PLAN.head.frame_shape), np.uint8))
    assert len(encrypted.ciphertext) == upload_bytes(PLAN.head)


@pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")
@pytest.mark.parametrize("folds", [True, False])
def test_the_smallest_upload_is_that_of_a_real_frame_with_seeds(folds: bool, tmp_path) -> None:
    head = msgspec.structs.replace(PLAN.head, whole_input=not folds)
    cipher = FrameCipher(head, create_key_set(head, tmp_path / "set"), seeds=True)
    encrypted = cipher.encrypt(np.zeros((1, *head.frame_shape), np.uint8))
    assert len(encrypted.ciphertext) == least_upload_bytes(head)
    assert folds == (least_upload_bytes(head) < 0.51 * upload_bytes(head, seeded=True))


def test_all_ciphertexts_count() -> None:
    layout = np.concatenate([PLAN.head.input_layout] * 3)
    output = np.concatenate([PLAN.head.output_layout] * 2)
    head = msgspec.structs.replace(PLAN.head, input_layout=layout, output_layout=output)
    assert upload_bytes(head) == 3 * upload_bytes(PLAN.head)
    assert least_upload_bytes(head) == 3 * least_upload_bytes(PLAN.head)
    assert download_bytes(head) == 2 * download_bytes(PLAN.head)


def test_weights_are_counted_at_the_primes_of_their_stage() -> None:
    dimension = PLAN.head.parameters.ring_dimension
    rows = [len(np.unique(stage.terms[:, [2, 5]], axis=0)) + stage.targets for stage in PLAN.stages]
    assert weight_bytes(PLAN) == sum(
        count * dimension * 8 * (stage.level + 1) for count, stage in zip(rows, PLAN.stages, strict=True)
    )


def test_weights_that_the_machine_cannot_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_memory(PLAN)
    with pytest.raises(PlanError, match=r"GB in 1000000 processes, .* use fewer --frames-per-ciphertext"):
        check_memory(PLAN, processes=1_000_000)


@pytest.mark.parametrize("engine", ["native", "pyfhel"])
def test_the_time_is_that_of_all_stages_and_of_reading_and_writing_ciphertexts(engine: EngineName) -> None:
    costs, head = shipped_costs(engine), PLAN.head
    wire = costs.ms(Rows(wire=2 * (3 + 1)), head.parameters.ring_dimension)
    assert wire > 0
    assert plan_ms(PLAN, costs) == pytest.approx(wire + sum(stage_ms(PLAN, stage, costs) for stage in PLAN.stages))
    assert plan_ms(Plan(PLAN.head, PLAN.stages[:1]), costs) < plan_ms(PLAN, costs)
