"""A stage decrypts to what it says, with no more noise than if SEAL makes each operation, and alike on all paths."""

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.ckks.packing import Residues
from common.ckks.parameters import Parameters

blindsight_engine = pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

from tests.engine.specification import Case  # noqa: E402
from tests.engine.stages import PARAMETERS, cases  # noqa: E402

pytestmark = pytest.mark.slow

#: The noise of the engine's result over that of SEAL's, at most: of both, the largest of thousands of slots.
_MOST_NOISE = 2.0
#: What rounding to 53 bits leaves of a decryption, relative to the largest value.
_DOUBLES = 1e-9


def error(case: Case, decrypted: list[np.ndarray]) -> float:
    """The largest error of all slots of all targets."""
    return max(float(np.abs(one - exact).max()) for one, exact in zip(decrypted, case.exact(), strict=True))


def decrypt_residues(case: Case, targets: list[Residues]) -> list[np.ndarray]:
    context, stage = case.holder.context, case.stage
    primes, scale = case.holder.parameters.primes, stage.scales[0] * stage.scales[1]
    level = stage.level
    if stage.rescale_first:
        scale, level = scale / primes[level], level - 1
    if stage.square:
        scale = scale * scale / primes[level]
    return [context.decrypt(context.load_ciphertext(one, scale)) for one in targets]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda one: f"{one.ring_dimension}-{one.prime_bits}")
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_stage_decrypts_to_what_it_says(parameters: Parameters, data: st.DataObject) -> None:
    case = data.draw(cases(parameters))
    first, *others = [case.by_engine(path) for path in blindsight_engine.paths()]
    for other in others:
        assert all(np.array_equal(one, same) for one, same in zip(first, other, strict=True))
    largest = max(float(np.abs(slots).max()) for slots in case.exact())
    by_seal = error(case, [case.holder.context.decrypt(one) for one in case.by_seal()])
    assert error(case, decrypt_residues(case, first)) <= _MOST_NOISE * by_seal + _DOUBLES * max(largest, 1.0)


@given(st.data())
@settings(max_examples=2, suppress_health_check=list(HealthCheck))
def test_threads_share_a_stage_and_keys(data: st.DataObject) -> None:
    case = data.draw(cases(PARAMETERS[2]))
    ring = case.holder.ring("")
    stage, keys = case.engine_stage(ring), case.holder.keys(ring, case.stage.level)
    inputs = [case.holder.context.save_ciphertext(one) for one in case.inputs]
    alone, together = stage.run(keys, inputs), {}

    def run(number: int) -> None:
        together[number] = [stage.run(keys, inputs) for _ in range(3)]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(together) == [0, 1]
    for results in together.values():
        assert all(np.array_equal(one, same) for result in results for one, same in zip(alone, result, strict=True))
