"""Evaluation keys gather in a real Redis, chunk by chunk, whatever order they come in."""

import hashlib
import random
from collections.abc import Iterator

import pytest
import redis

from blindsight.plans import get_plan
from blindsight.servers import Servers
from broker.uploads import KeyUploads
from common import tasks
from common.keys import KeySet, create_key_set
from common.messages import KeyAck, KeyChunk
from common.topics import KeysTopic, parse
from common.upload import KeyUpload

pytestmark = pytest.mark.slow

CHUNK = 4_000_000


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return create_key_set(get_plan("digits", 128).head, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture
def store(servers: Servers) -> Iterator[redis.Redis]:
    password = servers.redis_password_file.read_text()
    with redis.Redis.from_url(servers.redis_url, password=password) as client:
        client.flushall()
        yield client


class Upload:
    def __init__(self, store: redis.Redis, key_set: KeySet, max_bytes: int = 100_000_000) -> None:
        self.uploads = KeyUploads(store, key_ttl=1000, max_bytes=max_bytes)
        self.data = key_set.evaluation_keys()
        self.fingerprint = key_set.fingerprint
        self.offsets = range(0, len(self.data), CHUNK)

    def send(self, offset: int, size: int = CHUNK, sha256: str | None = None, device: str = "cam-a") -> KeyAck:
        digest = sha256 or hashlib.sha256(self.data).hexdigest()
        chunk = KeyChunk(1, len(self.data), digest, self.data[offset : offset + size])
        return taken(self.uploads, KeysTopic(device, self.fingerprint, offset), chunk)


def taken(uploads: KeyUploads, topic: KeysTopic, chunk: KeyChunk) -> KeyAck:
    ack = uploads.take(topic, chunk)
    assert ack is not None
    return ack


def test_chunks_in_order_make_the_whole(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    acks = [upload.send(offset) for offset in upload.offsets]
    assert [ack.complete for ack in acks] == [False] * (len(acks) - 1) + [True]
    assert store.get(tasks.keys_key("cam-a", key_set.fingerprint)) == upload.data
    assert (
        store.get(tasks.keys_digest_key("cam-a", key_set.fingerprint))
        == hashlib.sha256(upload.data).hexdigest().encode()
    )
    assert 0 < store.ttl(tasks.keys_digest_key("cam-a", key_set.fingerprint)) <= 1000
    assert 0 < store.ttl(tasks.keys_key("cam-a", key_set.fingerprint)) <= 1000
    assert not store.exists(tasks.upload_key("cam-a", key_set.fingerprint))


def test_a_repeated_chunk_changes_nothing_and_one_ahead_is_not_taken(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    assert upload.send(0).received == CHUNK
    assert upload.send(0).received == CHUNK
    assert upload.send(2 * CHUNK).received == CHUNK
    assert upload.send(CHUNK).received == 2 * CHUNK


def test_an_empty_chunk_asks_how_far_the_upload_is(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    assert upload.send(0, size=0).received == 0
    upload.send(0)
    assert upload.send(0, size=0).received == CHUNK
    for offset in upload.offsets:
        upload.send(offset)
    assert upload.send(0, size=0).complete


def test_keys_of_one_device_are_not_another_s(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    for offset in upload.offsets:
        upload.send(offset)
    assert not upload.send(0, size=0, device="cam-b").complete


def test_a_wrong_digest_discards_the_upload_and_says_so(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    acks = [upload.send(offset, sha256="0" * 64) for offset in upload.offsets]
    assert "SHA-256" in str(acks[-1].error)
    assert not store.keys("blindsight:*")


def test_bytes_that_are_no_keys_are_refused(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    upload.data = bytes(1000)
    assert "not evaluation keys" in str(upload.send(0).error)
    assert not store.keys("blindsight:*")


def test_keys_under_another_fingerprint_than_their_own_are_refused(store: redis.Redis, key_set: KeySet) -> None:
    upload = Upload(store, key_set)
    upload.fingerprint = "ab" * 32
    acks = [upload.send(offset) for offset in upload.offsets]
    assert "another fingerprint" in str(acks[-1].error)


def test_keys_over_the_bound_are_refused_at_the_first_chunk(store: redis.Redis, key_set: KeySet) -> None:
    ack = Upload(store, key_set, max_bytes=1_000_000).send(0)
    assert "--max-key-mb" in str(ack.error)
    assert not store.keys("blindsight:*")


@pytest.mark.parametrize("seed", range(5))
def test_an_upload_whose_chunks_overtake_one_another_goes_on_without_a_pause(
    store: redis.Redis, key_set: KeySet, seed: int
) -> None:
    """As through several bridges, where each takes some of the chunks; acknowledgements overtake too."""
    shuffled = random.Random(seed)
    bridges = Upload(store, key_set).uploads
    chunks: list[tuple[str, KeyChunk]] = []
    acks: list[KeyAck] = []
    upload = KeyUpload("cam-a", key_set, lambda topic, chunk: chunks.append((topic, chunk)))
    upload.begin()
    while chunks or acks:  # nobody calls `tick`, which asks again after seconds of silence
        if chunks and (not acks or shuffled.random() < 0.5):
            topic, chunk = chunks.pop(shuffled.randrange(len(chunks)))
            parsed = parse(topic)
            assert isinstance(parsed, KeysTopic)
            acks.append(taken(bridges, parsed, chunk))
        else:
            upload.acknowledged(acks.pop(shuffled.randrange(len(acks))))
    assert upload.ready
    assert store.get(tasks.keys_key("cam-a", key_set.fingerprint)) == key_set.evaluation_keys()


def test_an_upload_that_the_fleet_forgot_begins_again_at_once(store: redis.Redis, key_set: KeySet) -> None:
    bridges = Upload(store, key_set).uploads
    chunks: list[tuple[str, KeyChunk]] = []
    upload = KeyUpload("cam-a", key_set, lambda topic, chunk: chunks.append((topic, chunk)))
    for _ in range(2):
        upload.begin()
        while chunks:
            topic, chunk = chunks.pop(0)
            parsed = parse(topic)
            assert isinstance(parsed, KeysTopic)
            upload.acknowledged(taken(bridges, parsed, chunk))
        assert upload.ready
        store.flushall()
