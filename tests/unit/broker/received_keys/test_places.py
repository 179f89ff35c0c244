"""What lies in a device's places gives way to what it uploads; it holds two key sets at most."""

import hashlib

import redis

from broker.received_keys import KeyUploads
from common.fleet import redis_keys
from common.keys.key_set import KeySet
from tests.unit.broker.received_keys.uploads import Upload, first, header, held, taken


def test_what_lies_under_the_fingerprint_already_is_replaced_unless_it_has_the_same_digest(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    stored, digest = (
        place("cam-a", key_set.fingerprint) for place in (redis_keys.keys_key, redis_keys.keys_digest_key)
    )
    store.set(stored, b"rubbish")
    store.set(digest, hashlib.sha256(b"rubbish").hexdigest())
    upload = Upload(bridge, key_set)
    assert not upload.send(0, size=0).complete
    assert store.get(stored) == b"rubbish"
    assert upload.whole()[-1].complete
    assert store.get(stored) == upload.data


def test_rubbish_that_was_begun_under_the_fingerprint_gives_way_to_the_upload(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    taken(bridge, *first(header(key_set.fingerprint), zeros=100_000))
    upload = Upload(bridge, key_set)
    assert upload.send(0, size=0).received == 0
    assert upload.whole()[-1].complete
    assert store.get(redis_keys.keys_key("cam-a", key_set.fingerprint)) == upload.data


def test_a_third_key_set_takes_the_place_of_the_one_asked_for_longest_ago(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    upload = Upload(bridge, key_set)
    upload.whole()
    for other in ("1" * 64, "2" * 64):
        upload.send(0, size=0)  # still in use
        taken(bridge, *first(header(other)))
    assert upload.send(0, size=0).complete
    assert not store.exists(redis_keys.upload_key("cam-a", "1" * 64))
    assert store.exists(redis_keys.upload_key("cam-a", "2" * 64))
    taken(bridge, *first(header("3" * 64)))
    taken(bridge, *first(header("4" * 64)))
    assert not upload.send(0, size=0).complete


def test_a_device_that_begins_ever_new_key_sets_holds_the_memory_of_two(
    store: "redis.Redis", bridge: KeyUploads
) -> None:
    for number in range(50):
        taken(bridge, *first(header(f"{number:064x}"), zeros=100_000))
    assert len([place for place in held(store) if b":upload:" in place]) == 2
    assert len(held(store)) == 5
