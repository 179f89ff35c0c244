"""The key cache stays within its budget and forgets the key set used longest ago."""

import pytest

from common.errors import WireError
from common.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys, memory_size
from common.fhe import Context
from common.parameters import Parameters
from workers.key_cache import KeyCache

PARAMETERS = Parameters(128, 4096, (40, 40))
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, None, {1: 0})
SIZE = memory_size(HEADER)


@pytest.fixture(scope="module")
def keys() -> bytes:
    context = Context(PARAMETERS)
    context.generate_keys([1])
    return encode_evaluation_keys(context, HEADER)


def test_a_key_set_is_fetched_once(keys: bytes) -> None:
    cache = KeyCache(10 * SIZE)
    fetched = []

    def fetch() -> bytes:
        fetched.append(1)
        return keys

    first = cache.get(("cam", "a"), fetch)
    assert first is cache.get(("cam", "a"), fetch)
    assert len(fetched) == 1


def test_the_one_used_longest_ago_goes_first(keys: bytes) -> None:
    cache = KeyCache(2 * SIZE)
    for name in ("a", "b", "a", "c"):
        cache.get(("cam", name), lambda: keys)
    assert len(cache) == 2
    assert cache.get(("cam", "a"), lambda: None) is not None
    assert cache.get(("cam", "b"), lambda: None) is None


def test_one_key_set_larger_than_the_budget_is_still_served(keys: bytes) -> None:
    cache = KeyCache(SIZE // 2)
    assert cache.get(("cam", "a"), lambda: keys) is not None
    assert cache.get(("cam", "b"), lambda: keys) is not None
    assert len(cache) == 1


def test_damaged_keys_are_refused_and_not_kept(keys: bytes) -> None:
    cache = KeyCache(10 * SIZE)
    with pytest.raises(WireError):
        cache.get(("cam", "a"), lambda: keys[:-1])
    assert len(cache) == 0
