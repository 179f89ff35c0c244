"""A plan's way to the native engine: its folds, its keys, weights of zeros, weights in a sealed file."""

import weakref
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.ckks.fhe import Context
from common.errors import KeySetError, NetworkError, PlanError
from common.plan.plan import Plan
from common.plan.sealed import open_sealed, seal
from compiler.compile import compile_network
from tests.encrypted import evaluation_keys
from tests.networks import random_frames, small_network
from tests.plans import digits
from workers.evaluation.engines import open_engine

pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

from workers.evaluation.native.encoding import Encoder
from workers.evaluation.native.engine import NativeEngine
from workers.evaluation.native.operands import EncodedOperands, Pair

FRAMES = random_frames(small_network(), 1)


@pytest.fixture(scope="module")
def plan() -> Plan:
    network = small_network()
    return compile_network(network, random_frames(network, 16), error_budget=0.25)


def context_for(plan: Plan) -> Context:
    context = Context(plan.head.parameters)
    context.generate_keys(plan.head.rotations)
    return context


def slots_of(plan: Plan, keys_for: Plan, frames: np.ndarray) -> np.ndarray:
    """Decrypted scores of a plan, under keys that were made for another."""
    head, context = plan.head, context_for(keys_for)
    burst = encode_ciphertexts(context, [context.encrypt(slots, head.input_scale) for slots in head.lay_out(frames)])
    engine = open_engine("native")
    reply = engine.prepare(plan).evaluate(engine.load_keys(evaluation_keys(keys_for, context)), burst)
    scores = decode_ciphertexts(context, reply, 0, head.output_scale, head.output_ciphertexts)
    return head.read_scores(np.stack([context.decrypt(one) for one in scores]))


@pytest.mark.slow
def test_two_folds_are_made_at_once_where_the_plan_has_a_key_for_their_sum() -> None:
    plan = digits()
    (folded,) = [stage for stage in plan.stages if len(stage.folds) > 1]
    together = {sum(folded.folds[:2]): folded.level}
    fused = Plan(msgspec.structs.replace(plan.head, rotations={**plan.head.rotations, **together}), plan.stages)
    frames = np.random.default_rng(0).integers(0, 256, (1, *plan.head.frame_shape), np.uint8)
    assert np.abs(slots_of(fused, fused, frames) - slots_of(plan, plan, frames)).max() <= 2 * plan.head.error_bound
    with pytest.raises(KeySetError, match="made for another plan"):
        slots_of(fused, plan, frames)


def changed(plan: Plan, change: Callable[[np.ndarray], np.ndarray]) -> Plan:
    """The plan with other vectors in its first stage."""
    first, *others = plan.stages
    return Plan(plan.head, (msgspec.structs.replace(first, vectors=change(first.vectors)), *others))


def test_a_vector_of_zeros_adds_nothing(plan: Plan) -> None:
    some = changed(plan, lambda vectors: np.where(np.arange(len(vectors))[:, None] < 1, 0, vectors))
    native = open_engine("native").prepare(some)
    assert native.head.hash == plan.head.hash
    assert np.isfinite(slots_of(some, plan, FRAMES)).all()


def test_a_target_without_any_weight_is_refused_when_the_plan_is_prepared(plan: Plan) -> None:
    with pytest.raises(NetworkError, match="all weights of a stage round to zero"):
        open_engine("native").prepare(changed(plan, np.zeros_like))


def test_a_weight_is_encoded_when_it_is_packed_so_that_no_two_are_in_memory(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, encoded = EncodedOperands.weight, list[Callable[[], object]]()

    def watched(operands: EncodedOperands, pair: Pair) -> np.ndarray:
        assert not [True for each in encoded[:-1] if each() is not None]
        residues = encode(operands, pair)
        encoded.append(weakref.ref(residues))
        return residues

    monkeypatch.setattr(EncodedOperands, "weight", watched)
    open_engine("native").prepare(plan)
    assert len(encoded) >= sum(len(stage.vectors) for stage in plan.stages)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 0.3, 1.0, 30.0, 1e3])
def test_a_vector_is_zero_where_its_plaintext_is(plan: Plan, scale: float) -> None:
    parameters = plan.head.parameters
    encoder, own = Context(parameters), Encoder(parameters, NativeEngine().ring(parameters))
    for stage in changed(plan, lambda vectors: vectors * scale / np.abs(vectors).max()).stages:
        small = msgspec.structs.replace(stage, weight_scales=dict.fromkeys(stage.weight_scales, 1.0))
        operands = EncodedOperands(small, 1, own)
        for value, row in {(value, row) for _, _, value, _, _, row in stage.terms.tolist()}:
            plaintext = encoder.encode(stage.slots_of_vector(row, 1), 1.0, stage.level)
            assert operands.is_zero((value, row)) == (plaintext is None)


@pytest.mark.slow
def test_a_sealed_file_that_was_altered_is_refused_when_its_weights_are_first_used(tmp_path: Path) -> None:
    network = small_network()
    plan = compile_network(network, random_frames(network, 10), sealed=True)
    context = context_for(plan)
    path = tmp_path / "small.sealed"
    seal(plan, context, "0" * 64, path, lambda _: None)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    engine, head = open_engine("native"), plan.head
    keys = engine.load_keys(evaluation_keys(plan, context))
    burst = encode_ciphertexts(context, [context.encrypt(slots, head.input_scale) for slots in head.lay_out(FRAMES)])
    prepared = engine.prepare(open_sealed(path))
    with pytest.raises(PlanError, match="was altered"):
        prepared.evaluate(keys, burst)
    path.write_bytes(whole)
    assert engine.prepare(open_sealed(path)).evaluate(keys, burst)
