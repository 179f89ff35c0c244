"""Evaluation keys gather in a real Redis, in whatever order their chunks come."""

import random

import pytest
import redis

from broker import digests
from broker.received_keys import KeyUploads
from common.fleet import redis_keys
from common.keys.key_set import KeySet
from common.wire.messages import KeyAck
from tests.unit.broker.received_keys.uploads import CHUNK, Holder, Upload, held, taken


def test_chunks_in_order_make_the_whole(store: "redis.Redis", bridge: KeyUploads, key_set: KeySet) -> None:
    upload = Upload(bridge, key_set)
    acks = upload.whole()
    assert [ack.complete for ack in acks] == [False] * (len(acks) - 1) + [True]
    stored, digest = (
        place("cam-a", key_set.fingerprint) for place in (redis_keys.keys_key, redis_keys.keys_digest_key)
    )
    assert (store.get(stored), store.get(digest)) == (upload.data, upload.sha256.encode())
    assert all(0 < store.ttl(place) <= 1000 for place in held(store))
    assert held(store) == sorted(place.encode() for place in (stored, digest, redis_keys.key_sets_key("cam-a")))


def test_a_repeated_chunk_changes_nothing_and_one_ahead_is_not_taken(bridge: KeyUploads, key_set: KeySet) -> None:
    upload = Upload(bridge, key_set)
    assert upload.send(CHUNK).received == 0
    assert upload.send(0).received == CHUNK
    assert upload.send(0).received == CHUNK
    assert upload.send(2 * CHUNK).received == CHUNK
    assert upload.send(CHUNK).received == 2 * CHUNK


def test_an_empty_chunk_asks_how_far_the_upload_is(bridge: KeyUploads, key_set: KeySet) -> None:
    upload = Upload(bridge, key_set)
    assert upload.send(0, size=0).received == 0
    upload.send(0)
    assert upload.send(0, size=0).received == CHUNK
    upload.whole()
    assert upload.send(0, size=0).complete
    assert not upload.send(0, size=0, device="cam-b").complete


def test_a_wrong_digest_discards_the_upload_and_says_so(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    upload = Upload(bridge, key_set)
    upload.sha256 = "0" * 64
    acks = upload.whole()
    assert "SHA-256" in str(acks[-1].error)
    assert held(store) == [redis_keys.key_sets_key("cam-a").encode()]


def test_an_upload_is_hashed_in_pieces_also_by_a_bridge_that_saw_none_of_it(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis cuts off who lets more wait than its output buffer may hold."""
    limit = store.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    monkeypatch.setattr(digests, "_CATCH_UP_BYTES", 8_000_000)
    upload = Upload(bridge, key_set)
    for offset in upload.offsets[:-1]:
        upload.send(offset)
    store.config_set("client-output-buffer-limit", "normal 6mb 6mb 60")
    try:
        upload.bridge = KeyUploads(store, key_ttl=1000)
        acks = [upload.send(upload.offsets[-1])] + [upload.send(0, size=0) for _ in range(2)]
    finally:
        store.config_set("client-output-buffer-limit", limit)
    assert [(ack.received, ack.complete) for ack in acks] == [
        (len(upload.data), False),  # a call's share of the hashing; the key holder asks again
        (len(upload.data), False),
        (len(upload.data), True),
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.slow
def test_an_upload_whose_chunks_overtake_one_another_goes_on_without_a_pause(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet, seed: int
) -> None:
    """As when several bridges share the chunks: without `tick`, so nothing waits for a timer."""
    shuffled = random.Random(seed)
    bridges = [bridge, KeyUploads(store, key_ttl=1000)]
    acks: list[KeyAck] = []
    holder = Holder(key_set)
    chunks, upload = holder.chunks, holder.upload
    upload.begin()
    while chunks or acks:
        if chunks and (not acks or shuffled.random() < 0.5):
            topic, chunk = chunks.pop(shuffled.randrange(len(chunks)))
            acks.append(taken(shuffled.choice(bridges), topic, chunk))
        else:
            upload.acknowledged(acks.pop(shuffled.randrange(len(acks))))
    assert upload.ready
    assert store.get(redis_keys.keys_key("cam-a", key_set.fingerprint)) == key_set.evaluation_keys()


def test_an_upload_that_the_fleet_forgot_begins_again_at_once(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    holder = Holder(key_set)
    for _ in range(2):
        holder.begin(bridge)
        assert holder.upload.ready
        store.delete(*held(store))
