"""The key cache reads what serves a plan from a real Redis, and stays within its budget."""

import hashlib
from pathlib import Path

import msgspec
import pytest
import redis

from common.ckks import fhe
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.errors import KeySetError, WireError
from common.fleet import redis_keys
from common.keys.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys
from common.keys.key_needs import KeyNeeds
from tests.engines import ENGINES, NATIVE, name_of
from workers.evaluation.engine import Engine, LoadedKeys
from workers.keys.key_cache import KeyCache
from workers.keys.stored_keys import StoredKeys

PARAMETERS = Parameters(128, 4096, (40, 40))
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, None, {1: 0})
PLAN = KeyNeeds("small", "cd" * 32, PARAMETERS, {1: 0}, None)


@pytest.fixture(scope="module")
def keys() -> bytes:
    return make_keys()


def make_keys() -> bytes:
    context = Context(PARAMETERS)
    context.generate_keys([1])
    return encode_evaluation_keys(context, HEADER)


@pytest.fixture(params=ENGINES, ids=name_of)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


class Shelf:
    """A cache with room for so many key sets, and what bridges put into Redis for it."""

    def __init__(self, store: "redis.Redis", engine: Engine, room: float) -> None:
        size = engine.load_keys(make_keys()).size
        self.store, self.cache = store, KeyCache(int(room * size), engine)

    def put(self, name: str, keys: bytes, digest: str | None = None) -> None:
        self.store.set(redis_keys.keys_key("cam", name), keys)
        self.store.set(redis_keys.keys_digest_key("cam", name), digest or hashlib.sha256(keys).hexdigest())

    def get(self, name: str, plan: KeyNeeds = PLAN) -> LoadedKeys | None:
        return self.cache.get(StoredKeys(self.store, "cam", name), plan)


def test_a_key_set_is_read_once_and_serves_when_redis_has_lost_it(
    store: "redis.Redis", engine: Engine, keys: bytes
) -> None:
    shelf = Shelf(store, engine, 10)
    assert shelf.get("a") is None
    shelf.put("a", keys)
    first = shelf.get("a")
    assert first is not None and first is shelf.get("a")
    store.flushall()
    assert first is shelf.get("a")


def test_a_key_set_that_was_replaced_is_read_again(store: "redis.Redis", engine: Engine, keys: bytes) -> None:
    shelf = Shelf(store, engine, 10)
    shelf.put("a", make_keys())
    rubbish = shelf.get("a")
    shelf.put("a", keys)
    own = shelf.get("a")
    assert own is not None and own is not rubbish
    assert len(shelf.cache) == 1


def test_the_one_used_longest_ago_goes_first(store: "redis.Redis", engine: Engine, keys: bytes) -> None:
    shelf = Shelf(store, engine, 2)
    for name in ("a", "b", "a", "c"):
        shelf.put(name, keys)
        shelf.get(name)
    assert len(shelf.cache) == 2
    store.flushall()
    assert [shelf.get(name) is None for name in ("a", "b", "c")] == [False, True, False]


def test_one_key_set_larger_than_the_budget_is_still_served(store: "redis.Redis", engine: Engine, keys: bytes) -> None:
    shelf = Shelf(store, engine, 0.5)
    for name in ("a", "b"):
        shelf.put(name, keys)
        assert shelf.get(name) is not None
    assert len(shelf.cache) == 1


def test_for_keys_that_serve_another_plan_nothing_is_read_but_their_header_and_nothing_forgotten(
    store: "redis.Redis", engine: Engine, keys: bytes
) -> None:
    """32 primes at N = 32768: SEAL would take gigabytes for these 442 KB."""
    shelf = Shelf(store, engine, 1)
    shelf.put("a", keys)
    held = shelf.get("a")
    greedy = EvaluationKeysHeader("ef" * 32, Parameters(128, 32768, (27,) * 32), None, {1: 0})
    encoded = msgspec.msgpack.encode(greedy)
    wire = b"BSEK1\0" + len(encoded).to_bytes(4, "little") + encoded + bytes(greedy.size)
    shelf.put("b", wire)
    made, sent = fhe.moduli.cache_info().misses, store.info("stats")["total_net_output_bytes"]
    for _ in range(3):
        with pytest.raises(KeySetError, match=r"other parameters \(N = 32768"):
            shelf.get("b")
    assert fhe.moduli.cache_info().misses == made
    assert store.info("stats")["total_net_output_bytes"] - sent < 3 * 100_000 < len(wire)
    with pytest.raises(KeySetError, match=r"steps \[2\]"):
        shelf.get("a", msgspec.structs.replace(PLAN, rotations={1: 0, 2: 0}))
    store.flushall()
    assert shelf.get("a") is held


@pytest.mark.parametrize("damage", ["cut", "header", "residues"])
def test_what_was_damaged_in_redis_is_dropped_there_to_be_uploaded_again(
    store: "redis.Redis", engine: Engine, keys: bytes, damage: str
) -> None:
    shelf = Shelf(store, engine, 10)
    damaged = {"cut": keys[:-1], "header": b"?" + keys[1:], "residues": keys[:-1000] + bytes(1000)}[damage]
    shelf.put("a", damaged, hashlib.sha256(keys).hexdigest())
    assert shelf.get("a") is None
    assert store.keys() == []


def test_keys_that_were_damaged_before_their_upload_are_refused_and_not_kept(
    store: "redis.Redis", engine: Engine, keys: bytes
) -> None:
    shelf = Shelf(store, engine, 10)
    shelf.put("a", keys[:-1000] + b"\xff" * 1000)
    with pytest.raises(WireError, match="residue"):
        shelf.get("a")
    assert len(shelf.cache) == 0


def test_keys_replaced_while_they_are_read_are_not_dropped(store: "redis.Redis", engine: Engine, keys: bytes) -> None:
    shelf = Shelf(store, engine, 10)
    shelf.put("a", make_keys())
    stored = StoredKeys(store, "cam", "a")
    shelf.put("a", keys)
    assert stored.read() is None
    assert shelf.get("a") is not None


class Processes:
    """Caches that share files, each of a process of its own; what they read of Redis is counted by deleting it."""

    def __init__(self, store: "redis.Redis", folder: Path, budget: int = 10**9) -> None:
        folder.chmod(0o700)
        self.store, self._folder, self._budget = store, folder, budget

    def start(self) -> Shelf:
        shelf = Shelf(self.store, NATIVE[0], 1)
        shelf.cache = KeyCache(1, NATIVE[0], NATIVE[0].key_files(self._folder, self._budget))
        return shelf


native = pytest.mark.skipif(not NATIVE, reason="the extension isn't installed")


@native
def test_one_process_reads_the_keys_from_redis_and_all_others_from_its_file(
    store: "redis.Redis", tmp_path: Path, keys: bytes
) -> None:
    processes = Processes(store, tmp_path)
    first, second = processes.start(), processes.start()
    first.put("a", keys)
    assert first.get("a") is not None
    store.delete(redis_keys.keys_key("cam", "a"))  # and not its SHA-256, which says that they are still the same
    held = second.get("a")
    assert held is not None and held.size == 0
    assert held is second.get("a")
    with pytest.raises(KeySetError, match="lacks rotation keys"):
        processes.start().get("a", msgspec.structs.replace(PLAN, rotations={2: 0}))


@native
def test_keys_without_an_announced_digest_are_in_no_file(store: "redis.Redis", tmp_path: Path, keys: bytes) -> None:
    shelf = Processes(store, tmp_path).start()
    store.set(redis_keys.keys_key("cam", "a"), keys)
    held = shelf.get("a")
    assert held is not None and held.size > 0
    assert list(tmp_path.iterdir()) == []


@native
def test_a_file_that_was_removed_is_let_go_of_and_one_that_was_replaced_is_read_anew(
    store: "redis.Redis", tmp_path: Path, keys: bytes
) -> None:
    shelf = Processes(store, tmp_path, budget=1).start()
    for name in ("a", "b"):
        shelf.put(name, keys)
        assert shelf.get(name) is not None
    assert len(shelf.cache) == 2
    own = shelf.get("b")
    assert len(shelf.cache) == 1
    shelf.put("b", make_keys())
    assert shelf.get("b") is not own
    assert len(shelf.cache) == 1


@native
def test_where_no_file_can_be_written_a_process_holds_its_keys(
    store: "redis.Redis", tmp_path: Path, keys: bytes
) -> None:
    shelf = Processes(store, tmp_path).start()
    shelf.cache = KeyCache(10**9, NATIVE[0], NATIVE[0].key_files(tmp_path / "gone", 10**9))
    shelf.put("a", keys)
    held = shelf.get("a")
    assert held is not None and held.size > 0
