"""Evaluation keys gather in a real Redis: only what a served plan needs, in whatever order the chunks come."""

import hashlib
import random
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from broker import digests
from broker.received_keys import KeyUploads
from common.ckks import seeding
from common.ckks.parameters import Parameters
from common.fleet import redis_keys
from common.fleet.registry import Burst, Registry, WorkerEntry
from common.keys.evaluation_keys import EvaluationKeysHeader, without_seeds
from common.keys.key_needs import KeyNeeds, ServedNeeds, needs_of
from common.keys.key_set import KeySet, create_key_set
from common.keys.upload import KeyUpload
from common.wire.messages import KeyAck, KeyChunk
from common.wire.topics import KeysTopic, parse
from models.plans import get_plan

CHUNK = 4_000_000
HEAD = get_plan("digits", 128).head


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    """One without seeds, wherever it is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeding, "_extension", lambda: None)
        return create_key_set(HEAD, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture
def bridge(store: "redis.Redis") -> KeyUploads:
    """One whose fleet serves digits."""
    ServedNeeds(store).announce([needs_of(HEAD)])
    return KeyUploads(store, key_ttl=1000)


def held(store: "redis.Redis") -> list[bytes]:
    """What Redis holds of key sets."""
    return sorted(key for key in store.scan_iter() if not key.startswith(b"blindsight:key-needs"))


def taken(bridge: KeyUploads, topic: KeysTopic, chunk: KeyChunk) -> KeyAck:
    ack = bridge.take(topic, chunk)
    assert ack is not None
    return ack


def header(fingerprint: str = "ab" * 32, **changes: object) -> EvaluationKeysHeader:
    fields = (fingerprint, HEAD.parameters, HEAD.relinearisation_level, HEAD.rotations)
    return msgspec.structs.replace(EvaluationKeysHeader(*fields), **changes)


def first(head: EvaluationKeysHeader, zeros: int = 1000, **changes: object) -> tuple[KeysTopic, KeyChunk]:
    """The first chunk of keys with this header: it, and zeros."""
    encoded = msgspec.msgpack.encode(head)
    start = b"BSEK1\0" + struct.pack("<I", len(encoded)) + encoded
    chunk = KeyChunk(1, len(start) + head.size, "c" * 64, start + bytes(zeros))
    return KeysTopic("cam-a", head.fingerprint, 0), msgspec.structs.replace(chunk, **changes)


class Upload:
    """The upload of a key set's file, or of other bytes, by hand."""

    def __init__(self, bridge: KeyUploads, key_set: KeySet) -> None:
        self.bridge = bridge
        self.data = key_set.evaluation_keys()
        self.fingerprint = key_set.fingerprint
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.offsets = range(0, len(self.data), CHUNK)

    def send(self, offset: int, size: int = CHUNK, device: str = "cam-a") -> KeyAck:
        chunk = KeyChunk(1, len(self.data), self.sha256, self.data[offset : offset + size])
        return taken(self.bridge, KeysTopic(device, self.fingerprint, offset), chunk)

    def whole(self) -> list[KeyAck]:
        return [self.send(offset) for offset in self.offsets]


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


TOO_MANY_PRIMES = header(parameters=Parameters(128, 32768, (27,) * 32), rotations={1: 0}, relinearisation_level=None)
MORE_KEYS = header(rotations={**dict.fromkeys(range(1, 60), 0), **HEAD.rotations})
MORE_BYTES = header(rotations={**dict.fromkeys(range(2000, 2022), 2), **HEAD.rotations})
REFUSED = {
    "zeros": (first(header(), total=490_000_000, data=bytes(512_000)), "not evaluation keys", True),
    "another total": (first(header(), total=490_000_000), r"to have 490,000,000 bytes; its header says 23,9", True),
    "beyond the total": (first(header(), total=100), "beyond the total", True),
    "cut": (first(header(), data=b"BSEK1\0"), "not evaluation keys", True),
    "cut header": (first(header(), data=b"BSEK1\0\xff\xff\0\0" + bytes(100)), "cut or too long", True),
    "another topic": ((KeysTopic("cam-a", "cd" * 32, 0), first(header())[1]), "another fingerprint", True),
    "32 primes": (first(TOO_MANY_PRIMES), r"other parameters \(N = 32768.*blindsight keys create", False),
    "too little": (first(header(rotations={1: 0})), "lacks rotation keys for steps", False),
    "more keys": (first(MORE_KEYS), r"has 70 keys .* over 2 times what plan .* of digits uses \(27 keys", False),
    "more bytes": (first(MORE_BYTES), "over 2 times what plan .*blindsight keys create", False),
}


@pytest.mark.parametrize(("chunk", "message", "final"), REFUSED.values(), ids=REFUSED)
def test_what_no_served_plan_needs_is_refused_at_the_first_chunk(
    store: "redis.Redis", bridge: KeyUploads, chunk: tuple[KeysTopic, KeyChunk], message: str, final: bool
) -> None:
    ack = taken(bridge, *chunk)
    assert re.search(message, str(ack.error))
    assert (ack.received, ack.retry_in is None) == (0, final)
    assert held(store) == []


def test_keys_that_redis_could_not_hold_are_refused(store: "redis.Redis") -> None:
    huge = KeyNeeds("huge", "ef" * 32, Parameters(128, 32768, (54,) * 16), dict.fromkeys(range(1, 11), 14), None)
    ServedNeeds(store).announce([huge])
    fields = {"parameters": huge.parameters, "rotations": huge.rotations, "relinearisation_level": None}
    ack = taken(KeyUploads(store, 1000), *first(header(**fields)))
    assert "Redis holds no value above 536,870,912" in str(ack.error)


def test_until_a_worker_has_said_what_its_plans_need_nothing_is_answered(store: "redis.Redis", key_set: KeySet) -> None:
    bridge = KeyUploads(store, key_ttl=1000)
    topic, chunk = first(header())
    assert bridge.take(topic, msgspec.structs.replace(chunk, data=b"")) is None
    assert bridge.take(topic, chunk) is None
    assert held(store) == []
    absurd = msgspec.json.encode(msgspec.structs.replace(needs_of(HEAD), rotations={1: 10**15}))
    bad = {b"a": b"{}", b"b": b'{"parameters": {"security_bits": 1}}', b"c": b"[" * 10_000, b"d": absurd}
    for name, entry in bad.items():
        store.sadd("blindsight:key-needs", name)
        store.set(b"blindsight:key-needs:" + name, entry)
    assert bridge.take(topic, chunk) is None
    ServedNeeds(store).announce([needs_of(HEAD)])
    assert taken(bridge, topic, chunk).received == len(chunk.data)


def test_a_key_set_may_serve_one_of_several_plans(store: "redis.Redis", bridge: KeyUploads) -> None:
    scenes = needs_of(get_plan("scenes", 128).head)
    sealed = msgspec.structs.replace(needs_of(HEAD), sealed_for="ef" * 32, hash="cd" * 32)
    ServedNeeds(store).announce([scenes, sealed])
    assert taken(bridge, *first(header())).received > 0


@pytest.fixture
def limit(store: "redis.Redis") -> Iterator[Callable[[int], None]]:
    """Gives Redis so much memory that it takes keys of that many more bytes."""

    def to(room: int) -> None:
        store.config_set("maxmemory", int((store.info("memory")["used_memory"] + room) / 0.75))

    yield to
    store.config_set("maxmemory", 0)


def test_keys_that_redis_has_no_room_for_aren_t_begun_and_their_holder_is_told(
    store: "redis.Redis", bridge: KeyUploads, limit: Callable[[int], None]
) -> None:
    topic, chunk = first(header())
    limit(chunk.total // 2)  # for this chunk, and not for all that it begins
    ack = taken(bridge, topic, chunk)
    assert (ack.received, ack.retry_in is None) == (0, False)
    assert ack.error == f"Redis has no room for {chunk.total:,} bytes of keys now; its maxmemory may be too small"
    assert held(store) == []
    limit(2 * chunk.total)
    assert taken(bridge, topic, chunk).received == len(chunk.data)


def test_an_upload_waits_while_redis_is_full_and_goes_on_where_it_was(
    bridge: KeyUploads, key_set: KeySet, limit: Callable[[int], None]
) -> None:
    upload = Upload(bridge, key_set)
    begun = upload.send(0).received
    limit(0)
    waiting = upload.send(begun)
    assert waiting.error is not None and waiting.retry_in is not None
    limit(2 * len(upload.data))
    assert upload.send(0, size=0).received == begun
    assert upload.send(begun).received == begun + CHUNK


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
    chunks: list[tuple[str, KeyChunk]] = []
    acks: list[KeyAck] = []
    upload = KeyUpload("cam-a", key_set, lambda topic, chunk: chunks.append((topic, chunk)))
    upload.begin()
    while chunks or acks:
        if chunks and (not acks or shuffled.random() < 0.5):
            topic, chunk = chunks.pop(shuffled.randrange(len(chunks)))
            parsed = parse(topic)
            assert isinstance(parsed, KeysTopic)
            acks.append(taken(shuffled.choice(bridges), parsed, chunk))
        else:
            upload.acknowledged(acks.pop(shuffled.randrange(len(acks))))
    assert upload.ready
    assert store.get(redis_keys.keys_key("cam-a", key_set.fingerprint)) == key_set.evaluation_keys()


def test_an_upload_that_the_fleet_forgot_begins_again_at_once(
    store: "redis.Redis", bridge: KeyUploads, key_set: KeySet
) -> None:
    chunks: list[tuple[str, KeyChunk]] = []
    upload = KeyUpload("cam-a", key_set, lambda topic, chunk: chunks.append((topic, chunk)))
    for _ in range(2):
        upload.begin()
        while chunks:
            topic, chunk = chunks.pop(0)
            parsed = parse(topic)
            assert isinstance(parsed, KeysTopic)
            upload.acknowledged(taken(bridge, parsed, chunk))
        assert upload.ready
        store.delete(*held(store))


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
    chunks: list[tuple[str, KeyChunk]] = []
    upload = KeyUpload("cam-a", key_set, lambda topic, chunk: chunks.append((topic, chunk)))
    upload.begin()
    while chunks:
        topic, chunk = chunks.pop(0)
        parsed = parse(topic)
        assert isinstance(parsed, KeysTopic)
        upload.acknowledged(taken(bridge, parsed, chunk))
    upload.tick()
    assert upload.ready
    assert upload.takes_seeds == bool(least_bytes)
    stored = store.get(redis_keys.keys_key("cam-a", key_set.fingerprint))
    assert stored == (key_set.evaluation_keys() if least_bytes else without_seeds(key_set.evaluation_keys()))
