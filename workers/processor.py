"""One task from its reference to its published label."""

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import redis
import structlog

from common import messages, tasks, topics
from common.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.errors import KeySetError, WireError
from common.messages import ErrorReply, Label, Reason, Task
from common.mqtt import MqttConnection
from common.sealed import load_served
from common.storage import connect_redis
from common.waiting import Waiting
from workers.evaluator import PreparedPlan
from workers.key_cache import KeyCache, LoadedKeys
from workers.settings import WorkerSettings
from workers.weights import WeightCache

#: A frame whose evaluation was begun this often without an answer is dead-lettered.
MAX_ATTEMPTS = 3
_ATTEMPTS_TTL = 3600
_PUBLISH_TIMEOUT = 15.0

log = structlog.get_logger()


class _RefusedError(Exception):
    """A frame gets an error reply instead of a label."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class Processor:
    """What one worker process holds: prepared plans, key sets, its connections.

    Every step may be repeated: a job that was answered is answered again from the result
    cache, and attempts are counted before an evaluation begins, so that a frame which kills
    its worker isn't tried for ever.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._plans = prepare_plans(settings.plans, WeightCache(settings.weight_cache_mb * 1_000_000))
        self._keys = KeyCache(settings.key_cache_mb * 1_000_000)
        self._redis: redis.Redis = connect_redis(settings)
        self._waiting = Waiting(self._redis)
        self._mqtt = MqttConnection(settings, f"worker-{self._name}")
        self._mqtt.connect()

    def close(self) -> None:
        """Close the connections."""
        self._mqtt.close()
        self._redis.close()

    def handle(self, task: Task) -> None:
        """Answer a task with a label or an error, confirmed by the broker.

        Raises `BrokerError` when the answer couldn't be published: the task has to come again.
        """
        with structlog.contextvars.bound_contextvars(device=task.device, job=task.job):
            answer = self._cached(task)
            if answer is None:
                try:
                    answer = self._evaluate(task)
                except _RefusedError as refused:
                    self._refuse(task, refused)
                    return
                self._redis.set(
                    tasks.result_key(task.device, task.job),
                    messages.encode(answer),
                    ex=self._settings.result_ttl,
                )
            self._publish(topics.labels(task.device, task.job), messages.encode(answer))
            self._redis.delete(task.blob, tasks.attempts_key(task.device, task.job))
            self._waiting.done(task.device, task.job)
            log.info("answered", evaluate_ms=round((answer.finished_at - answer.started_at) * 1000))

    def _cached(self, task: Task) -> Label | None:
        data = self._fetch(tasks.result_key(task.device, task.job))
        return None if data is None else messages.decode(data, Label)

    def _fetch(self, key: str) -> bytes | None:
        return cast("bytes | None", self._redis.get(key))  # redis-py's type is also that of its async client

    def _evaluate(self, task: Task) -> Label:
        plan = self._plans.get(task.plan)
        if plan is None:
            served = ", ".join(f"{p.head.model} {p.head.hash[:12]}" for p in self._plans.values())
            raise _RefusedError("unknown-plan", f"no worker serves plan {task.plan[:12]}; served: {served}")
        blob = self._fetch(task.blob)
        if blob is None:
            raise _RefusedError("expired", "the frame was dropped before a worker took it; send it again")
        self._count_attempt(task)
        keys = self._load_keys(task, plan)
        started = time.time()
        try:
            head = plan.head
            frames = decode_ciphertexts(
                keys.context, blob, head.parameters.levels, head.input_scale, head.input_ciphertexts
            )
        except WireError as error:
            raise _RefusedError("malformed", str(error)) from error
        scores = encode_ciphertexts(keys.context, plan.evaluate(keys.context, frames))
        return Label(
            version=1,
            job=task.job,
            key_set=task.key_set,
            plan=task.plan,
            received_at=task.received_at,
            started_at=started,
            finished_at=time.time(),
            published_at=time.time(),
            worker=self._name,
            ciphertext=scores,
            frames=task.frames,
        )

    def _count_attempt(self, task: Task) -> None:
        key = tasks.attempts_key(task.device, task.job)
        with self._redis.pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, _ATTEMPTS_TTL)
            attempts, _ = pipeline.execute()
        if attempts > MAX_ATTEMPTS:
            raise _RefusedError("failed", f"its evaluation was begun {MAX_ATTEMPTS} times and never finished")

    def _load_keys(self, task: Task, plan: PreparedPlan) -> LoadedKeys:
        key = tasks.keys_key(task.key_owner, task.key_set)
        try:
            keys = self._keys.get((task.key_owner, task.key_set), lambda: self._fetch(key))
            if keys is None:
                # Not the frame's fault: the key holder uploads the keys, and the device sends it again.
                self._redis.delete(tasks.attempts_key(task.device, task.job))
                raise _RefusedError("unknown-key", f"key set {task.key_set[:12]} isn't here; upload it")
            keys.header.check_serves(plan.head)
        except WireError as error:
            self._redis.delete(key)
            # What was uploaded had its SHA-256, so it was damaged on the device: no upload mends it.
            raise _RefusedError("unfit-key", f"the evaluation keys are damaged; make a new key set: {error}") from error
        except KeySetError as error:
            raise _RefusedError("unfit-key", str(error)) from error
        return keys

    def _refuse(self, task: Task, refused: _RefusedError) -> None:
        log.warning("refused", reason=refused.reason, detail=str(refused))
        reply = ErrorReply(1, task.job, refused.reason, str(refused))
        self._publish(topics.errors(task.device, task.job), messages.encode(reply))
        if not reply.retry:
            self._redis.delete(task.blob)
        self._waiting.done(task.device, task.job)

    def _publish(self, topic: str, payload: bytes) -> None:
        self._mqtt.check()
        self._mqtt.publish_confirmed(topic, payload, _PUBLISH_TIMEOUT)


def prepare_plans(paths: Sequence[Path], cache: WeightCache) -> dict[str, PreparedPlan]:
    """Plans by hash, their weights encoded or read when used. Raises `PlanError` for a file that can't be used."""
    plans = [PreparedPlan(load_served(path), cache) for path in paths]
    return {plan.head.hash: plan for plan in plans}
