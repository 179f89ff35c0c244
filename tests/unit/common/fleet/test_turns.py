"""Devices take turns, in a real Redis: one burst each, decided when a worker asks, and none is forgotten."""

import base64
import json
import random

import msgspec
import pytest
import redis
from kombu.transport.memory import Channel

from common.fleet import redis_keys, tasks
from common.fleet.turns import Turns
from common.fleet.waiting import Bounds, WaitingBursts
from common.wire.messages import Task

PLAN, OTHER = "ab" * 32, "cd" * 32
ALL = Bounds(10**6, 10**9, 10**6, 10**9)


class Line:
    """Bridge and worker on one Redis; turns are numbered as they are taken from the queue."""

    def __init__(self, store: "redis.Redis") -> None:
        self.store, self.waiting, self.turns = store, WaitingBursts(store), Turns(store, 100)
        self.made = 0

    def join(self, device: str, job: str, plan: str = PLAN) -> None:
        blob = redis_keys.blob_key(device, job)
        self.made += 1
        task = Task(device, job, "k", plan, blob, 1.0)
        assert self.waiting.admit(task, b"x", 60, ALL, f"turn-{self.made}").verdict == "admitted"

    def take(self, turn: str | None = None, plan: str = PLAN) -> str | None:
        """As a worker: "device/job" of a burst, or None where nothing waits; "no turn" where none is queued."""
        if turn is None:
            queued = self.store.rpop(redis_keys.queue_of(plan))
            if queued is None:
                return "no turn"
            turn = queued.decode()
        self.made += 1
        task = self.turns.take(turn, plan, f"turn-{self.made}")
        return task and f"{task.device}/{task.job}"

    def take_all(self) -> list[str | None]:
        return list(iter(self.take, "no turn"))


@pytest.fixture
def line(store: "redis.Redis") -> Line:
    return Line(store)


def test_each_device_has_a_burst_in_turn_however_many_another_has(line: Line) -> None:
    for job in "12345":
        line.join("flood", job)
    line.join("cam-a", "1")
    line.join("cam-b", "1")
    line.join("cam-a", "2")
    expected = ["flood/1", "cam-a/1", "cam-b/1", "flood/2", "cam-a/2", "flood/3", "flood/4", "flood/5"]
    assert line.take_all() == expected


def test_one_that_comes_anew_waits_for_one_burst_of_each_other_device(line: Line) -> None:
    for job in "12345":
        line.join("flood", job)
        line.join("storm", job)
    assert [line.take() for _ in range(3)] == ["flood/1", "storm/1", "flood/2"]
    line.join("cam-a", "1")
    assert [line.take() for _ in range(4)] == ["storm/2", "flood/3", "cam-a/1", "storm/3"]


def test_a_turn_that_comes_again_is_for_the_same_burst_until_it_is_done(line: Line) -> None:
    line.join("cam-a", "1")
    line.join("cam-a", "2")
    assert [line.take("turn"), line.take("turn"), line.take("other")] == ["cam-a/1", "cam-a/1", "cam-a/2"]
    line.turns.end("turn")
    assert line.take("turn") is None


def test_a_burst_that_comes_again_while_it_waits_is_one_burst_and_has_one_turn(line: Line) -> None:
    for _ in range(5):
        line.join("cam-a", "1")
    assert line.take_all() == ["cam-a/1"]


def test_one_that_comes_again_while_it_is_in_work_is_taken_again(line: Line) -> None:
    """Its worker may be gone."""
    line.join("cam-a", "1")
    assert line.take() == "cam-a/1"
    line.join("cam-a", "1")
    assert line.take_all() == ["cam-a/1"]


def test_a_lost_turn_delays_nobody_for_longer_than_until_the_next(line: Line) -> None:
    for device in ("cam-a", "cam-b", "cam-c"):
        line.join(device, "1")
    line.store.ltrim(redis_keys.queue_of(PLAN), 0, 0)  # all but one are lost, as by a kill
    assert line.take_all() == ["cam-a/1", "cam-b/1", "cam-c/1"]
    line.join("cam-a", "2")
    line.store.delete(redis_keys.queue_of(PLAN))
    line.join("cam-a", "2")  # its device sends it again
    assert line.take_all() == ["cam-a/2"]


def test_plans_have_their_own_turns(line: Line) -> None:
    line.join("cam-a", "1", OTHER)
    line.join("cam-a", "2")
    assert [line.take(), line.take(), line.take(plan=OTHER)] == ["cam-a/2", "no turn", "cam-a/1"]


def test_what_expired_is_passed_over_and_all_of_it_expires(line: Line) -> None:
    for job in "1234":
        line.join("cam-a", job)
    keys = [key for key in line.store.scan_iter() if not key.startswith(b"blindsight:waiting")]
    assert all(0 < line.store.ttl(key) <= 60 for key in keys), keys
    for job in "13":
        line.store.delete(f"blindsight:task:cam-a:{job}")
    assert line.take_all() == ["cam-a/2", "cam-a/4", None, None]
    for key in line.store.keys("blindsight:taken:*"):
        assert 0 < line.store.ttl(key) <= 100


def test_turns_are_taken_from_a_redis_whose_memory_is_full(line: Line) -> None:
    for job in "12":
        line.join("cam-a", job)
    line.store.config_set("maxmemory", 1)
    try:
        assert line.take_all() == ["cam-a/1", "cam-a/2"]
        line.waiting.done("cam-a", "1")
    finally:
        line.store.config_set("maxmemory", 0)


def test_what_is_no_task_is_thrown_away(line: Line) -> None:
    for job in "123456":
        line.join("cam-a", job)
    for job, junk in zip("12345", ("", "no JSON", "{}", "[" * 100_000, '{"device": 1}'), strict=True):
        line.store.set(f"blindsight:task:cam-a:{job}", junk)
    assert line.take() == "cam-a/6"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_whatever_is_lost_each_burst_that_its_device_repeats_is_taken(line: Line, seed: int) -> None:
    random.seed(seed)
    jobs = {(f"cam-{number % 7}", str(number)) for number in range(60)}
    taken: set[str | None] = set()
    for _ in range(40):
        for device, job in sorted(jobs):
            if f"{device}/{job}" not in taken:
                line.join(device, job)
            if random.random() < 0.3:
                line.store.delete(random.choice(line.store.keys() or ["none"]))
            if random.random() < 0.5:
                taken.add(line.take())
    taken.update(line.take_all())
    assert {f"{device}/{job}" for device, job in jobs} <= taken


def test_a_turn_is_a_message_as_celery_makes_it() -> None:
    app = tasks.make_celery("redis://127.0.0.1:1/0")
    first, second = (json.loads(tasks.turn_message(app, PLAN, turn)) for turn in ("one", "two"))
    for message, turn in ((first, "one"), (second, "two")):
        assert message["headers"]["id"] == message["properties"]["delivery_tag"] == turn
        assert message["headers"]["task"] == tasks.EVALUATE
        assert message["properties"]["delivery_info"] == {"exchange": "", "routing_key": redis_keys.queue_of(PLAN)}
    assert msgspec.json.encode(first).replace(b'"one"', b'"two"') == msgspec.json.encode(second)


def test_plans_that_a_device_invents_are_not_remembered() -> None:
    """Without any worker a frame of whatever plan may wait; Kombu would keep something of each."""
    app = tasks.make_celery("redis://127.0.0.1:1/0")
    plans = [f"{number:064x}" for number in range(1, 20)]
    for plan in plans:
        message = json.loads(tasks.turn_message(app, plan, "one"))
        assert json.loads(base64.b64decode(message["body"]))[1] == {"plan": plan}
        assert message["properties"]["delivery_info"]["routing_key"] == redis_keys.queue_of(plan)
    assert not {redis_keys.queue_of(plan) for plan in plans} & set(Channel.queues)
