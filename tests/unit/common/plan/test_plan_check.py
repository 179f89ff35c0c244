"""A plan that was loaded can be evaluated: whatever its hash says, what isn't consistent is refused by field."""

import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from common.ckks.fhe import moduli
from common.ckks.parameters import Parameters
from common.errors import PlanError
from common.plan.plan import MAGIC, SIZE, Plan, PlanHead, encode_front, encode_stages
from common.plan.plan_check import check_stages
from common.plan.plan_file import load_head, load_plan
from common.plan.sealed import load_served
from common.plan.stage import Stage, Vector
from compiler.compile import compile_network
from tests.networks import random_frames, small_network

SLOTS = 4096


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_network(small_network(), random_frames(small_network(), 10))


def saved(head: PlanHead, stages: tuple[Stage, ...], folder: Path) -> Path:
    """A plan's file, with the hash of whatever body it has."""
    body = encode_stages(stages)
    Plan(replace(head, body_sha256=hashlib.sha256(body).hexdigest()), stages).save(folder / "x.plan")
    return folder / "x.plan"


def put(array: Vector, place: tuple[int, ...], value: float) -> Vector:
    changed = array.copy()
    changed[place] = value
    return changed


def test_what_the_compiler_made_is_consistent(plan: Plan, tmp_path: Path) -> None:
    assert len(plan.stages) == 2
    assert load_plan(saved(plan.head, plan.stages, tmp_path)).head.hash == plan.head.hash
    assert plan.head.parameters.slots == SLOTS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "x" * 257),
        ("labels", ("a", "a", "b")),
        ("labels", ()),
        ("labels", ("x" * 300, "b", "c")),
        ("frame_shape", (0, 4, 1)),
        ("frame_shape", (100_000, 100_000, 1)),
        ("frames_per_ciphertext", 3),
        ("frames_per_ciphertext", 2 * SLOTS),
        ("input_layout", lambda found: found.reshape(2, -1)),
        ("parameters", Parameters(128, 2048, (26, 27))),
        ("input_layout", lambda found: put(found, (0, 0), 16)),
        ("input_layout", lambda found: put(found, (0, 0), -2)),
        ("input_layout", lambda found: found[:, :100]),
        ("input_layout", lambda found: found[0]),
        ("input_layout", lambda found: found[:0]),
        ("input_layout", lambda found: np.full_like(found, -1)),
        ("input_layout", lambda found: found.astype(np.float32)),
        ("output_layout", lambda found: put(found, (0, 0), 3)),
        ("output_layout", lambda found: np.concatenate([found, found])),
        ("input_scale", 0.0),
        ("input_scale", float("inf")),
        ("input_scale", 2.0**200),
        ("output_scale", float("nan")),
        ("output_scale", 2.0**60),
        ("output_factor", float("nan")),
        ("error_bound", float("inf")),
        ("error_bound", -1.0),
        ("rotations", {}),
        ("rotations", {SLOTS: 0}),
        ("rotations", {-1: 0}),
        ("rotations", {1: 50}),
        ("rotations", dict.fromkeys(range(1, 1100), 0)),
        ("relinearisation_level", None),
        ("relinearisation_level", -1),
        ("relinearisation_level", 50),
        ("front_sha256", "../../x"),
        ("sealed_for", "ab"),
    ],
)
def test_a_head_that_is_not_consistent_is_refused_by_field(plan: Plan, tmp_path: Path, field: str, value: Any) -> None:
    changed = value(getattr(plan.head, field)) if callable(value) else value
    named = "hash of the" if field in ("front_sha256", "sealed_for") else field
    with pytest.raises(PlanError, match=rf"x\.plan can't be evaluated \(.*{named}.*blindsight model compile"):
        load_plan(saved(replace(plan.head, **{field: changed}), plan.stages, tmp_path))


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (0, "level", 2),
        (0, "level", -1),
        (1, "level", 1),
        (0, "square", False),
        (1, "square", True),
        (1, "rescale_first", True),
        (0, "terms", lambda found: found[:0]),
        (0, "terms", lambda found: found[:, :5]),
        (0, "terms", lambda found: np.concatenate([found, found])),
        (0, "terms", lambda found: put(found, (0, 0), 1)),
        (0, "terms", lambda found: put(found, (0, 0), -1)),
        (0, "terms", lambda found: put(found, (0, 1), SLOTS)),
        (0, "terms", lambda found: put(found, (0, 2), 1)),
        (0, "terms", lambda found: put(found, (0, 2), -1)),
        (0, "terms", lambda found: put(found, (0, 3), 1)),
        (0, "terms", lambda found: put(found, (0, 4), 2**31 - 1)),
        (0, "terms", lambda found: put(found, (0, 5), 10_000)),
        (0, "terms", lambda found: found.astype(np.float64)),
        (0, "rotations", ("terms", lambda found: put(found, (0, 1), 1234))),
        (0, "vectors", lambda found: found[:, :3]),
        (0, "vectors", lambda found: found[:, :0]),
        (0, "weights", ("vectors", lambda found: put(found, (0, 0), np.nan))),
        (0, "weight_scales", ("vectors", lambda found: put(found, (0, 0), 1e38))),
        (0, "weight_scales", {}),
        (0, "weight_scales", {0: float("inf")}),
        (0, "weight_scales", {0: -1.0}),
        (0, "product_scale", lambda found: found * (1 + 2**-40)),
        (0, "product_scale", ("bias", lambda found: put(found, (0, 0), 1e300))),
        (0, "bias", lambda found: found[:, :7]),
        (0, "weights", ("bias", lambda found: put(found, (0, 0), np.inf))),
        (0, "folds", (0,)),
        (0, "folds", (SLOTS,)),
        (0, "folds", (1,) * 100),
        (0, "bits_left", float("nan")),
    ],
)
def test_a_stage_that_cannot_be_evaluated_is_refused_by_field(
    plan: Plan, tmp_path: Path, number: int, field: str, value: Any
) -> None:
    changed, value = value if isinstance(value, tuple) and isinstance(value[0], str) else (field, value)
    stage = plan.stages[number]
    made = value(getattr(stage, changed)) if callable(value) else value
    stages = list(plan.stages)
    stages[number] = replace(stage, **{changed: made})
    with pytest.raises(PlanError, match=rf"stage {number}: {field}"):
        load_plan(saved(plan.head, tuple(stages), tmp_path))


def test_a_chain_is_refused_where_the_key_of_a_distance_is_missing(tmp_path: Path) -> None:
    network = small_network()
    plan = compile_network(network, random_frames(network, 10), small=True)
    assert load_plan(saved(plan.head, plan.stages, tmp_path)).chained
    stepped = next(number for number, stage in enumerate(plan.stages) if stage.babies)
    distance = min(step - before for step, before in plan.stages[stepped].babies.items())
    rotations = {step: level for step, level in plan.head.rotations.items() if step != distance}
    with pytest.raises(PlanError, match=rf"stage {stepped}: rotations: step {distance} is used"):
        load_plan(saved(replace(plan.head, rotations=rotations), plan.stages, tmp_path))


def test_a_head_and_stages_that_end_in_other_scores_are_refused(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="output_scale: the stages end in another"):
        load_plan(saved(replace(plan.head, output_scale=plan.head.output_scale / 2), plan.stages, tmp_path))
    with pytest.raises(PlanError, match="stages: there are none"):
        load_plan(saved(plan.head, (), tmp_path))


def test_an_empty_array_cannot_claim_a_billion_targets_in_a_sealed_plan(plan: Plan) -> None:
    bare = [replace(stage, vectors=stage.vectors[:0], bias=stage.bias[:, :0]) for stage in plan.stages]
    head = replace(plan.head, sealed_for="ab" * 32)
    check_stages(replace(head, relinearisation_level=head.parameters.levels), bare)
    with pytest.raises(PlanError, match="stage 0: terms: they aren't for its targets"):
        check_stages(head, [replace(bare[0], bias=np.zeros((10**9, 0))), bare[1]])


def test_a_plan_that_only_says_that_it_is_sealed_is_refused(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="says that it is sealed"):
        load_served(saved(replace(plan.head, sealed_for="ab" * 32), plan.stages, tmp_path))


def test_scales_are_followed_with_the_primes_that_seal_has(plan: Plan) -> None:
    """The product's scale of the second stage follows from the square behind the first."""
    first, second = plan.stages
    (weight,) = second.weight_scales.values()
    expected = first.product_scale**2 / moduli(plan.head.parameters).primes[first.level] * weight
    assert second.product_scale == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("field", ["bias", "weight"])
def test_a_front_that_gives_fewer_features_than_are_laid_out_is_refused(tmp_path: Path, field: str) -> None:
    network = small_network()
    head = compile_network(network, random_frames(network, 10), encrypt_from=3).head
    flat, dense, *others = head.front
    front = (flat, replace(dense, **{field: getattr(dense, field)[:-1]}), *others)
    head = replace(head, front=front, front_sha256=hashlib.sha256(encode_front(front)).hexdigest())
    head.save(tmp_path / "x.head")
    with pytest.raises(PlanError, match=r"x\.head can't be evaluated \(front: layer 1 \(Dense\)"):
        load_head(tmp_path / "x.head")


@pytest.mark.slow  # half a gigabyte is inflated before it is too much
def test_a_small_file_that_inflates_to_gigabytes_is_refused_before_it_does(plan: Plan, tmp_path: Path) -> None:
    packing = zlib.compressobj(9)
    start, again = (packing.compress(bytes(1 << 20)) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = start + again * 1200  # what is flushed in full stands for itself
    head = plan.head.encode()
    (tmp_path / "x.plan").write_bytes(MAGIC + SIZE.pack(len(head)) + head + bomb)
    assert len(bomb) < 2 << 20
    with pytest.raises(PlanError, match=r"is damaged \(it inflates to more than 536,870,912 bytes\)"):
        load_plan(tmp_path / "x.plan")
