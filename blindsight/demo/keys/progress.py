"""How far the evaluation keys of a demo are on their way into Redis, which takes large ones a while."""

from collections.abc import Mapping
from pathlib import Path

import redis

from common.errors import KeySetError
from common.fleet.redis_keys import keys_key, upload_key
from common.fleet.registry import Registry
from common.keys.key_set import load_header


class KeyProgress:
    """What the keys of a demo's devices wait for.

    `key_sets` are, by the devices' names, the holder of their key set, which is the device itself or the console, and
    its folder.
    """

    def __init__(self, client: "redis.Redis", key_sets: Mapping[str, tuple[str, Path]]) -> None:
        self._client = client
        self._waiting = dict(key_sets)

    def of(self, device: str) -> str:
        """That a device's keys are being made, that no worker is there for them yet, or how much of them is in Redis.

        Nothing once all is.
        """
        if device not in self._waiting:
            return ""
        holder, folder = self._waiting[device]
        try:
            header = load_header(folder)
            if self._client.exists(keys_key(holder, header.fingerprint)):
                del self._waiting[device]
                return ""
            received = int(self._client.strlen(upload_key(holder, header.fingerprint)))
            if not received and not Registry(self._client).workers():
                return "the worker prepares"
        except KeySetError:  # there is no key set yet
            return "making keys"
        except redis.RedisError:  # should it have ended, the demo ends with its log
            return ""
        return f"keys {received / 1e6:,.0f} of {header.size / 1e6:,.0f} MB"
