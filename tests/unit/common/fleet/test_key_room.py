"""How much memory a Redis needs for keys."""

import re
from importlib import resources

from hypothesis import given
from hypothesis import strategies as st

from common.fleet.key_room import SHIPPED_MEMORY, memory_for_keys, room_for_keys


@given(st.integers(0, 1 << 40))
def test_a_redis_with_the_memory_that_keys_need_has_room_for_them_and_no_more(size: int) -> None:
    memory = memory_for_keys(size)
    assert room_for_keys(memory) >= size
    assert room_for_keys(memory - 2) < size + 1


def test_what_ships_is_what_the_configuration_says() -> None:
    config = resources.files("broker").joinpath("config", "redis.conf").read_text()
    found = re.search(r"^maxmemory (\d+)gb$", config, re.M)
    assert found is not None
    assert int(found[1]) * 2**30 == SHIPPED_MEMORY
