"""Before a worker serves, it says how many devices' keys have room, and refuses a plan that Redis has none for."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis
from structlog.testing import capture_logs

from common.errors import KeySetError
from common.keys.evaluation_keys import EvaluationKeysHeader, uploaded_size
from models.plans import get_plan
from workers.evaluation.engines import choose_engine, open_engine
from workers.keys.room import check_key_room

HEAD = get_plan("digits", 128).head
ENGINE = open_engine(choose_engine(None))
HERE = ENGINE.keys_size(EvaluationKeysHeader.for_plan(HEAD, "", seeded=True))


@pytest.fixture
def limit(store: "redis.Redis") -> Iterator[Callable[[int], None]]:
    yield lambda memory: store.config_set("maxmemory", memory)
    store.config_set("maxmemory", 0)


def test_the_log_tells_how_many_devices_have_room(store: "redis.Redis", limit: Callable[[int], None]) -> None:
    limit(10 * uploaded_size(HEAD))
    with capture_logs() as logs:
        check_key_room(store, [HEAD], ENGINE, 3 * HERE)
    assert [(line["event"], line["devices_redis"], line["devices"]) for line in logs] == [("room for keys", 7, 3)]


def test_a_worker_without_room_for_two_devices_warns(store: "redis.Redis") -> None:
    with capture_logs() as logs:
        check_key_room(store, [HEAD], ENGINE, 2 * HERE - 1)
    warning = logs[-1]
    assert (warning["log_level"], warning["needed_mb_for_two"]) == ("warning", -(-2 * HERE // 1_000_000))
    assert logs[0]["devices_redis"] is None  # this Redis has no bound


def test_a_plan_whose_keys_redis_has_no_room_for_is_refused_with_what_helps(
    store: "redis.Redis", limit: Callable[[int], None]
) -> None:
    limit(uploaded_size(HEAD))
    with pytest.raises(KeySetError, match=r"keys of plan .* of digits take .* give it a maxmemory of [\d,]+ bytes"):
        check_key_room(store, [HEAD], ENGINE, 3 * HERE)


def test_a_plan_without_keys_has_room_anywhere(store: "redis.Redis") -> None:
    alone = msgspec.structs.replace(HEAD, rotations={}, relinearisation_level=None, whole_input=True)
    with capture_logs() as logs:
        check_key_room(store, [alone], ENGINE, 1)
    assert [line["log_level"] for line in logs] == ["info"]
    assert logs[0]["devices"] >= 1


def test_of_a_redis_that_is_away_nothing_is_said() -> None:
    away = redis.Redis("127.0.0.1", 1)
    with capture_logs() as logs:
        check_key_room(away, [HEAD], ENGINE, 3 * HERE)
    assert logs[0]["devices_redis"] is None
