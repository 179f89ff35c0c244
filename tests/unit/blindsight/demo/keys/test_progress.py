"""What a demo says while keys are made and uploaded, from a key set's folder and a real Redis."""

import time
from pathlib import Path

import pytest
import redis

from blindsight.demo.keys.progress import KeyProgress
from common.fleet.redis_keys import keys_key, upload_key
from common.fleet.registry import Registry, WorkerEntry
from common.keys.key_set import create_key_set
from models.plans import get_plan

WORKER = WorkerEntry("host-1", {"ab" * 32: "digits"}, 1, time.time())


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a key set, and its fingerprint."""
    folder = tmp_path_factory.mktemp("cam-01") / "keys"
    return folder, create_key_set(get_plan("digits", 128).head, folder).fingerprint


def test_keys_are_made_then_uploaded_and_then_nothing_is_waited_for(
    store: "redis.Redis", key_set: tuple[Path, str], tmp_path: Path
) -> None:
    folder, fingerprint = key_set
    made = tmp_path / "keys"
    progress = KeyProgress(store, {"cam-01": ("cam-01", made)})
    assert progress.of("cam-01") == "making keys"
    made.symlink_to(folder)
    assert progress.of("cam-01") == "the worker prepares"
    Registry(store).announce(WORKER)
    assert progress.of("cam-01") == "keys 0 of 12 MB"
    store.set(upload_key("cam-01", fingerprint), bytes(4_000_000))
    assert progress.of("cam-01") == "keys 4 of 12 MB"
    store.rename(upload_key("cam-01", fingerprint), keys_key("cam-01", fingerprint))
    assert progress.of("cam-01") == ""
    store.delete(keys_key("cam-01", fingerprint))
    assert progress.of("cam-01") == ""  # once they were there, nobody asks again


def test_the_devices_of_a_site_wait_for_its_console_s_keys(store: "redis.Redis", key_set: tuple[Path, str]) -> None:
    folder, fingerprint = key_set
    Registry(store).announce(WORKER)
    progress = KeyProgress(store, dict.fromkeys(["cam-01", "cam-02"], ("console", folder)))
    assert [progress.of(name) for name in ("cam-01", "cam-02")] == ["keys 0 of 12 MB"] * 2
    store.set(keys_key("console", fingerprint), b"keys")
    assert [progress.of(name) for name in ("cam-01", "cam-02")] == ["", ""]


def test_a_redis_that_is_away_is_no_reason_to_say_anything(key_set: tuple[Path, str]) -> None:
    progress = KeyProgress(redis.Redis("127.0.0.1", 1), {"cam-01": ("cam-01", key_set[0])})
    assert progress.of("cam-01") == ""
