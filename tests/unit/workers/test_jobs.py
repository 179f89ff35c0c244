"""A worker's jobs in a real Redis: no attempt is forgotten, and none is counted that isn't one."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis
from structlog.testing import capture_logs

from common.ckks.ciphertext import digest_of
from common.fleet.redis_keys import attempts_key, blob_key, keys_digest_key, keys_key, result_key
from common.fleet.waiting import Bounds, WaitingBursts
from common.wire import messages
from common.wire.messages import EncryptedScores, Task
from workers.jobs import MAX_ATTEMPTS, Jobs
from workers.refusal import RefusedError

PLAN, KEY_SET, BURST = "ab" * 32, "cd" * 32, b"the ciphertexts of a burst"
JOB = f"00000001-{digest_of(BURST)}"
TASK = Task("cam-a", JOB, KEY_SET, PLAN, blob_key("cam-a", JOB), 1.0)
LABEL = EncryptedScores(1, JOB, KEY_SET, PLAN, 1.0, 2.0, 3.0, 3.0, "host-1", b"scores")
ATTEMPTS, RESULT = attempts_key("cam-a", JOB), result_key("cam-a", JOB)


@pytest.fixture
def jobs(store: "redis.Redis") -> Jobs:
    return Jobs(store, time_limit=10, result_ttl=60)


@pytest.fixture
def fill(store: "redis.Redis") -> Iterator[Callable[[], None]]:
    """Make Redis refuse whatever needs memory."""
    yield lambda: store.config_set("maxmemory", 1)
    store.config_set("maxmemory", 0)


def refusal(call: Callable[[], object]) -> str:
    """The reason for which a call refuses the job."""
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.reason


def test_a_turn_that_comes_again_is_for_the_same_job_until_it_is_ended(store: "redis.Redis", jobs: Jobs) -> None:
    waiting, room = WaitingBursts(store), Bounds(10, 10**6, 10, 10**6)
    assert waiting.admit(TASK, BURST, 60, room, "a turn").verdict == "admitted"
    assert [jobs.take("turn-1", PLAN, "another") for _ in range(2)] == [TASK, TASK]
    jobs.end("turn-1")
    assert jobs.take("turn-1", PLAN, "another") is None


def test_a_burst_is_read_as_the_bridge_left_it(store: "redis.Redis", jobs: Jobs) -> None:
    store.set(TASK.blob, BURST)
    assert jobs.burst(TASK) == BURST


def test_a_burst_that_is_gone_is_refused_as_expired(jobs: Jobs) -> None:
    assert refusal(lambda: jobs.burst(TASK)) == "expired"


@pytest.mark.parametrize("damaged", [b"", BURST[:-1], b"!" + BURST[1:]])
def test_a_burst_of_other_bytes_than_its_job_is_named_after_is_refused_as_corrupted(
    store: "redis.Redis", jobs: Jobs, damaged: bytes
) -> None:
    store.set(TASK.blob, damaged)
    assert refusal(lambda: jobs.burst(TASK)) == "corrupted"


def test_an_empty_burst_is_read_too(store: "redis.Redis", jobs: Jobs) -> None:
    """It is malformed, but it is there, and has the bytes that its job is named after."""
    task = msgspec.structs.replace(TASK, job=f"00000001-{digest_of(b'')}")
    store.set(task.blob, b"")
    assert jobs.burst(task) == b""


def test_a_job_that_was_begun_three_times_is_refused_the_fourth(store: "redis.Redis") -> None:
    """Each time by another process, as the one before was killed."""
    for _ in range(MAX_ATTEMPTS):
        Jobs(store, 10, 60).begin(TASK)
    assert refusal(lambda: Jobs(store, 10, 60).begin(TASK)) == "failed"
    assert 0 < store.ttl(ATTEMPTS) <= 3600


def test_an_evaluation_that_is_handed_back_is_no_attempt(store: "redis.Redis", jobs: Jobs) -> None:
    jobs.begin(TASK)
    jobs.begin(TASK)
    jobs.hand_back()
    assert store.get(ATTEMPTS) == b"1"


def test_attempts_that_are_forgotten_in_redis_already_are_not_handed_back(store: "redis.Redis", jobs: Jobs) -> None:
    """A process was stopped before it noted that it forgot them."""
    jobs.begin(TASK)
    store.delete(ATTEMPTS)
    jobs.hand_back()
    assert not store.exists(ATTEMPTS)


def test_what_was_put_in_place_of_attempts_is_not_handed_back(store: "redis.Redis", jobs: Jobs) -> None:
    """A value of another type is thrown away, and leaves no count below zero behind."""
    jobs.begin(TASK)
    store.delete(ATTEMPTS)
    store.lpush(ATTEMPTS, "junk")
    jobs.hand_back()
    assert not store.exists(ATTEMPTS)
    for kept in (b"0", b"junk"):
        store.set(ATTEMPTS, kept)
        jobs.hand_back()
        assert store.get(ATTEMPTS) == kept


def test_without_an_evaluation_in_work_nothing_is_handed_back(store: "redis.Redis", jobs: Jobs) -> None:
    for over in (
        lambda: jobs.finish(TASK, LABEL),
        lambda: jobs.forget_attempts(TASK),
        lambda: jobs.take("turn-1", PLAN, "another"),
    ):
        jobs.begin(TASK)
        over()
        before = store.get(ATTEMPTS)
        jobs.hand_back()
        assert store.get(ATTEMPTS) == before


def test_a_job_that_comes_again_gets_the_label_that_was_kept(store: "redis.Redis", jobs: Jobs) -> None:
    assert jobs.kept_label(TASK) is None
    jobs.begin(TASK)
    jobs.finish(TASK, LABEL)
    assert jobs.kept_label(TASK) == LABEL
    assert not store.exists(ATTEMPTS)
    assert 0 < store.ttl(RESULT) <= 60


def test_a_label_that_was_damaged_in_redis_is_none(store: "redis.Redis", jobs: Jobs) -> None:
    encoded = messages.encode(LABEL)
    store.set(RESULT, encoded[:-1] + bytes([encoded[-1] ^ 1]))
    with capture_logs() as logs:
        assert jobs.kept_label(TASK) is None
    assert [entry["event"] for entry in logs] == ["a label that was kept is damaged; evaluating again"]


def test_where_redis_is_full_no_label_is_kept_and_the_attempts_are_forgotten_all_the_same(
    store: "redis.Redis", jobs: Jobs, fill: Callable[[], None]
) -> None:
    jobs.begin(TASK)
    fill()
    with capture_logs() as logs:
        jobs.finish(TASK, LABEL)
    assert "would be evaluated again" in logs[0]["event"]
    assert not store.exists(ATTEMPTS, RESULT)


def test_an_attempt_that_a_full_redis_does_not_count_is_not_begun(
    store: "redis.Redis", jobs: Jobs, fill: Callable[[], None]
) -> None:
    fill()
    with pytest.raises(redis.RedisError):
        jobs.begin(TASK)
    jobs.hand_back()
    assert not store.exists(ATTEMPTS)


def test_only_what_has_another_type_than_ours_is_thrown_away(store: "redis.Redis", jobs: Jobs) -> None:
    ours = {TASK.blob: BURST, keys_digest_key("cam-a", KEY_SET): b"digest"}
    for key, value in ours.items():
        store.set(key, value)
    assert not jobs.discard_wrong(TASK)
    for key in (RESULT, ATTEMPTS, keys_key("cam-a", KEY_SET)):
        store.rpush(key, "a list")
    assert jobs.discard_wrong(TASK)
    assert {key.decode() for key in store.scan_iter()} == set(ours)


def test_the_keys_of_a_site_are_those_of_its_console(store: "redis.Redis", jobs: Jobs) -> None:
    store.set(keys_digest_key("console", KEY_SET), b"of the console")
    store.set(keys_digest_key("cam-a", KEY_SET), b"of the device")
    site = msgspec.structs.replace(TASK, custody="site")
    assert (jobs.keys(site).digest, jobs.keys(TASK).digest) == (b"of the console", b"of the device")
