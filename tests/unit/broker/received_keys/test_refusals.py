"""Only keys that a served plan needs are taken, and only while Redis has room for them."""

import re
from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis

from broker.received_keys import KeyUploads
from common.ckks.parameters import Parameters
from common.keys.key_needs import KeyNeeds, ServedNeeds, needs_of
from common.keys.key_set import KeySet
from common.wire.messages import KeyChunk
from common.wire.topics import KeysTopic
from models.plans import get_plan
from tests.unit.broker.received_keys.uploads import CHUNK, HEAD, Upload, first, header, held, taken

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
