"""Keys with seeds are taken where all workers take them, and uploaded without elsewhere."""

from pathlib import Path

import pytest
import redis

from broker.received_keys import KeyUploads
from common.ckks import seeding
from common.fleet import redis_keys
from common.fleet.registry import Burst, Registry, WorkerEntry
from common.keys.evaluation_keys import without_seeds
from common.keys.key_set import create_key_set
from tests.unit.broker.received_keys.uploads import HEAD, Holder, first, header, taken


def announce_worker(store: "redis.Redis", name: str, seeded_bytes: int, least_bytes: int) -> None:
    """A worker of digits; one of before there were seeds, or folded ciphertexts, announces 0 bytes of such."""
    burst = Burst(319_504, 1, seeded_bytes, least_bytes)
    Registry(store).announce(WorkerEntry(name, {HEAD.hash: "digits"}, 1, 0.0, bursts={HEAD.hash: burst}))


def test_keys_with_seeds_are_taken_once_all_workers_of_their_plan_take_them(
    store: "redis.Redis", bridge: KeyUploads
) -> None:
    topic, chunk = first(header(seeded=True))
    assert 2 * chunk.total < 1.01 * first(header())[1].total
    assert bridge.take(topic, chunk) is None  # no worker is there, and the next may be an earlier one
    announce_worker(store, "new", 159_824, 79_952)
    assert taken(bridge, topic, chunk).received == len(chunk.data)
    for sizes in ((0, 0), (159_824, 0)):
        announce_worker(store, "earlier", *sizes)
        refusal = taken(bridge, topic, chunk)
        assert "takes no keys with seeds" in str(refusal.error)
        assert refusal.retry_in is None
    assert taken(bridge, *first(header())).received > 0


@pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")
@pytest.mark.parametrize("least_bytes", [0, 79_952], ids=["earlier workers", "workers"])
def test_keys_with_seeds_that_the_fleet_refuses_are_uploaded_without(
    store: "redis.Redis", bridge: KeyUploads, least_bytes: int, tmp_path: Path
) -> None:
    announce_worker(store, "worker", 2 * least_bytes, least_bytes)
    key_set = create_key_set(HEAD, tmp_path / "set")
    holder = Holder(key_set)
    holder.begin(bridge)
    holder.upload.tick()
    assert holder.upload.ready
    assert holder.upload.takes_seeds == bool(least_bytes)
    stored = store.get(redis_keys.keys_key("cam-a", key_set.fingerprint))
    assert stored == (key_set.evaluation_keys() if least_bytes else without_seeds(key_set.evaluation_keys()))
