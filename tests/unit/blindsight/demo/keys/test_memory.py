"""A demo gives Redis and its worker room for the keys of its plan, and never less than what ships."""

import msgspec
import pytest

from blindsight.demo.keys import memory
from blindsight.demo.keys.memory import memory_for
from common.errors import ConfigurationError
from common.fleet.key_room import SHIPPED_MEMORY, room_for_keys
from common.keys.evaluation_keys import EvaluationKeysHeader, uploaded_size
from common.plan.plan import Plan
from models.plans import get_plan
from workers.evaluation.engines import choose_engine, open_engine

ENGINE = open_engine(choose_engine(None))


@pytest.fixture(scope="module")
def digits() -> Plan:
    return get_plan("digits", 128)


@pytest.fixture(scope="module")
def large(digits: Plan) -> Plan:
    """digits with half a gigabyte of keys."""
    rotations = dict.fromkeys(range(1, 800), 2) | digits.head.rotations
    return Plan(msgspec.structs.replace(digits.head, rotations=rotations), digits.stages)


def test_a_plan_of_few_keys_takes_what_ships(digits: Plan) -> None:
    given = memory_for(digits, 2, ENGINE)
    assert (given.redis, given.key_cache_mb) == (SHIPPED_MEMORY, 512)


@pytest.mark.parametrize("key_sets", [2, 5])
def test_redis_has_room_for_all_key_sets_and_a_full_queue_and_the_worker_for_all_key_sets(
    large: Plan, key_sets: int
) -> None:
    given = memory_for(large, key_sets, ENGINE)
    assert room_for_keys(given.redis) >= key_sets * uploaded_size(large.head) + 512_000_000
    header = EvaluationKeysHeader.for_plan(large.head, "", seeded=True)
    assert given.key_cache_mb * 1_000_000 >= key_sets * ENGINE.keys_size(header)


def test_what_this_machine_has_no_memory_for_is_refused_with_what_helps(
    large: Plan, digits: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 3 * 2**30)
    memory_for(digits, 64, ENGINE)
    with pytest.raises(ConfigurationError, match=r"5 key sets of .* MB ask for .* run fewer --devices, or --custody"):
        memory_for(large, 5, ENGINE)
