"""Evaluation keys leave room in Redis for frames and labels; the rest is in tests/integration/test_uploads.py."""

import redis

from broker.uploads import KeyUploads
from common.messages import KeyChunk
from common.topics import KeysTopic

TOPIC = KeysTopic("cam-a", "a" * 64, 0)
CHUNK = KeyChunk(1, 10_000_000, "b" * 64, bytes(500_000))


def test_keys_wait_while_redis_is_three_quarters_full(store: "redis.Redis") -> None:
    uploads = KeyUploads(store, key_ttl=1000, max_bytes=100_000_000)
    memory = store.info("memory")
    store.config_set("maxmemory", int(memory["used_memory"] / 0.75) + 500_000)
    try:
        assert uploads.take(TOPIC, CHUNK) is None
        assert not store.keys()
        store.config_set("maxmemory", 50_000_000)
        ack = uploads.take(TOPIC, CHUNK)
        assert ack is not None and ack.received == len(CHUNK.data)
    finally:
        store.config_set("maxmemory", 0)
