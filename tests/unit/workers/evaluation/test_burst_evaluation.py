"""Bytes in, bytes out: a burst's scores need a plan and evaluation keys, and no server."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.ckks import seeding
from common.errors import WireError
from common.keys.evaluation_keys import EvaluationKeysHeader, read_header
from common.keys.key_set import KeySet, create_key_set
from common.keys.scores import ScoreReader
from common.plan.plan import Plan
from common.plan.predictions import download_bytes
from compiler.compile import compile_network
from edge.encryption import FrameCipher
from tests.engines import ENGINES, name_of
from tests.networks import random_frames, small_network
from workers.evaluation.burst_evaluation import BurstEvaluator, prepare_plans
from workers.evaluation.engine import Engine
from workers.keys.key_cache import KeyCache
from workers.refusal import RefusedError

NETWORK = small_network()
FRAMES = random_frames(NETWORK, 1)
needs_seeds = pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_network(NETWORK, random_frames(NETWORK, 16), error_budget=0.25)


@pytest.fixture(scope="module")
def key_set(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return create_key_set(plan.head, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture(scope="module", params=["all residues", "seeds", "folded"])
def burst(request: pytest.FixtureRequest, plan: Plan, key_set: KeySet) -> bytes:
    head = msgspec.structs.replace(plan.head, whole_input=request.param != "folded")
    return FrameCipher(head, key_set, seeds=request.param != "all residues").encrypt(FRAMES).ciphertext


class Memory:
    """A key set's evaluation keys, from no server."""

    digest: bytes | None = None

    def __init__(self, data: bytes | None) -> None:
        self.name = ("cam-a", "ab" * 32)
        self.data = data

    def header(self) -> EvaluationKeysHeader | None:
        return None if self.data is None else read_header(self.data)[0]

    def read(self) -> bytes | None:
        return self.data

    def drop(self) -> None:
        self.data = None


@pytest.fixture(params=ENGINES, ids=name_of)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.fixture
def evaluator(plan: Plan, engine: Engine, tmp_path: Path) -> BurstEvaluator:
    plan.save(tmp_path / "small.plan")
    return BurstEvaluator(prepare_plans([tmp_path / "small.plan"], engine), KeyCache(10**9, engine))


def refusal(evaluator: BurstEvaluator, plan_hash: str, source: Memory, burst: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        plan = evaluator.plan(plan_hash)
        evaluator.evaluate(plan, evaluator.keys(plan, source), burst)
    return refused.value


def test_the_scores_of_a_burst_are_the_networks(engine: Engine, plan: Plan, key_set: KeySet, burst: bytes) -> None:
    keys = engine.load_keys(key_set.evaluation_keys())
    scores = ScoreReader(plan.head, key_set).scores(engine.prepare(plan).evaluate(keys, burst))
    assert np.abs(scores[:1] - NETWORK.scores(FRAMES)).max() <= plan.head.error_bound


def test_rounded_scores_are_smaller_and_the_networks_too(
    engine: Engine, plan: Plan, key_set: KeySet, burst: bytes
) -> None:
    keys = engine.load_keys(key_set.evaluation_keys())
    reply = engine.prepare(plan).evaluate(keys, burst, rounded=True)
    assert len(reply) == download_bytes(plan.head, rounded=True) < download_bytes(plan.head)
    scores = ScoreReader(plan.head, key_set).scores(reply)
    assert np.abs(scores[:1] - NETWORK.scores(FRAMES)).max() <= plan.head.error_bound


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"?" + data[1:], lambda _: b""])
def test_bytes_that_are_no_burst_of_the_plan_are_an_error(
    engine: Engine, plan: Plan, key_set: KeySet, burst: bytes, damage
) -> None:
    keys = engine.load_keys(key_set.evaluation_keys())
    with pytest.raises(WireError):
        engine.prepare(plan).evaluate(keys, damage(burst))


@needs_seeds
def test_a_folded_burst_is_refused_where_the_keys_or_the_plan_cannot_unfold_it(
    engine: Engine, plan: Plan, key_set: KeySet, tmp_path: Path
) -> None:
    burst = FrameCipher(plan.head, key_set, seeds=True).encrypt(FRAMES).ciphertext
    whole = msgspec.structs.replace(plan.head, whole_input=True)
    lesser = engine.load_keys(create_key_set(whole, tmp_path / "set").evaluation_keys())
    with pytest.raises(
        WireError, match=r"no rotation key for step \d+ at level \d.*send them whole, or make a new key"
    ):
        engine.prepare(plan).evaluate(lesser, burst)
    keys = engine.load_keys(key_set.evaluation_keys())
    with pytest.raises(WireError, match="slots of this plan's input don't repeat; send them whole"):
        engine.prepare(msgspec.structs.replace(plan, head=whole)).evaluate(keys, burst)


@needs_seeds
@pytest.mark.parametrize("damage", [lambda data: data + data, lambda data: data[:80] + b"\xff" * (len(data) - 80)])
def test_a_damaged_folded_burst_is_an_error(engine: Engine, plan: Plan, key_set: KeySet, damage) -> None:
    burst = FrameCipher(plan.head, key_set, seeds=True).encrypt(FRAMES).ciphertext
    with pytest.raises(WireError):
        engine.prepare(plan).evaluate(engine.load_keys(key_set.evaluation_keys()), damage(burst))


def test_a_worker_evaluates_with_the_keys_of_a_source(
    evaluator: BurstEvaluator, plan: Plan, key_set: KeySet, burst: bytes
) -> None:
    prepared = evaluator.plan(plan.head.hash)
    keys = evaluator.keys(prepared, Memory(key_set.evaluation_keys()))
    assert ScoreReader(plan.head, key_set).scores(evaluator.evaluate(prepared, keys, burst)).shape[1] == len(
        NETWORK.labels
    )


def test_a_plan_that_is_not_served_is_refused(evaluator: BurstEvaluator, burst: bytes) -> None:
    assert refusal(evaluator, "0" * 64, Memory(None), burst).reason == "unknown-plan"


def test_keys_that_are_not_there_are_to_be_uploaded(evaluator: BurstEvaluator, plan: Plan, burst: bytes) -> None:
    refused = refusal(evaluator, plan.head.hash, Memory(None), burst)
    assert (refused.reason, str(refused)) == ("unknown-key", "key set abababababab isn't here; upload it")


def test_damaged_keys_are_refused_and_dropped_at_their_source(
    evaluator: BurstEvaluator, plan: Plan, key_set: KeySet, burst: bytes
) -> None:
    keys = key_set.evaluation_keys()
    source = Memory(keys[:-1000] + b"\xff" * 1000)
    refused = refusal(evaluator, plan.head.hash, source, burst)
    assert refused.reason == "unfit-key"
    assert "make a new key set" in str(refused)
    assert source.data is None


def test_keys_of_another_plan_are_refused_and_kept(
    evaluator: BurstEvaluator, plan: Plan, tmp_path: Path, burst: bytes
) -> None:
    fewer = msgspec.structs.replace(plan.head, rotations={})
    source = Memory(create_key_set(fewer, tmp_path / "keys").evaluation_keys())
    refused = refusal(evaluator, plan.head.hash, source, burst)
    assert refused.reason == "unfit-key"
    assert "lacks rotation keys" in str(refused)
    assert source.data is not None


def test_a_burst_that_the_plan_does_not_take_is_malformed(
    evaluator: BurstEvaluator, plan: Plan, key_set: KeySet, burst: bytes
) -> None:
    assert refusal(evaluator, plan.head.hash, Memory(key_set.evaluation_keys()), burst[:-1]).reason == "malformed"
