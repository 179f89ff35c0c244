"""What plans need of a key set is the head's own, and is remembered in a real Redis when no worker is left."""

import redis

from common.fleet.registry import Registry, WorkerEntry
from common.keys.evaluation_keys import keys_size
from common.keys.key_needs import ServedNeeds, needs_of
from models.plans import get_plan

HEAD = get_plan("digits", 128).head


def test_needs_are_those_of_the_head(store: "redis.Redis") -> None:
    needs = needs_of(HEAD)
    assert (needs.model, needs.hash, keys_size(needs)) == ("digits", HEAD.hash, keys_size(HEAD))
    ServedNeeds(store).announce([needs])
    assert ServedNeeds(store).all() == [needs]


def test_they_are_remembered_for_hours_after_the_last_worker(store: "redis.Redis") -> None:
    registry, served = Registry(store), ServedNeeds(store)
    registry.announce(WorkerEntry("w", {HEAD.hash: "digits"}, 1, 0.0))
    served.announce([needs_of(HEAD)])
    registry.remove("w")
    (place,) = store.keys("blindsight:key-needs:*")
    assert 6 * 3600 < store.ttl(place) <= 24 * 3600
    store.delete(place)
    assert served.all() == []
    assert store.smembers("blindsight:key-needs") == set()
