"""One task from its reference to its published label."""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import redis
import structlog

from common.ckks.ciphertext import decode_ciphertexts, digest_of, encode_ciphertexts
from common.errors import KeySetError, WireError
from common.fleet import tasks
from common.fleet.junk import count_up, discard_wrong
from common.fleet.registry import Registry
from common.fleet.storage import connect_redis
from common.fleet.turns import Turns
from common.fleet.waiting import Waiting
from common.logs import get_logger
from common.plan.sealed import load_served
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.messages import EncryptedScores, ErrorReply, Reason, Task, explained
from workers import metrics
from workers.evaluator import PreparedPlan
from workers.key_cache import KeyCache, LoadedKeys
from workers.settings import WorkerSettings
from workers.stored_keys import StoredKeys
from workers.weights import WeightCache

#: A frame whose evaluation was begun this often without an answer is dead-lettered.
MAX_ATTEMPTS = 3
_ATTEMPTS_TTL = 3600
#: Seconds that a turn may wait in its queue once it was handed back.
_TURN_WAITS = 600
#: Bytes of the largest frame that is read: MQTT brings none that is larger.
_MOST_BYTES = 64 * 1024 * 1024
_PUBLISH_TIMEOUT = 15.0

log = get_logger(__name__)


class _RefusedError(Exception):
    """A frame gets an error reply instead of a label."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class Processor:
    """What one worker process holds: prepared plans, key sets, its connections.

    Every step may be repeated: a job that was answered is answered again from the result
    cache, and attempts are counted before an evaluation begins, so that a frame which kills
    its worker isn't tried for ever. What Redis is told after an evaluation only saves time or
    room: where that fails, the frame isn't evaluated again. `worker` is the registry's name for
    the worker it is part of.
    """

    def __init__(self, settings: WorkerSettings, worker: str) -> None:
        self._settings, self._worker = settings, worker
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._weights = WeightCache(settings.weight_cache_mb * 1_000_000)
        self._plans = prepare_plans(settings.plans, self._weights)
        self._keys = KeyCache(settings.key_cache_mb * 1_000_000)
        self._redis: redis.Redis = connect_redis(settings)
        self._registry, self._waiting = Registry(self._redis), Waiting(self._redis)
        # A turn that comes again is known for as long as Redis may hold it back, and may then wait once more.
        self._turns = Turns(self._redis, 2 * tasks.visibility_timeout(settings.time_limit) + _TURN_WAITS)
        #: Where the attempt in work is counted.
        self._counted: str | None = None
        self._mqtt = MqttConnection(settings, f"worker-{self._name}", on_connect=metrics.CONNECTIONS.inc)
        self._mqtt.connect()

    def close(self) -> None:
        """Close the connections."""
        self._mqtt.close()
        self._redis.close()

    def take(self, turn: str, plan: str, another: str) -> Task | None:
        """The burst whose turn it is, if any waits; `another` is a turn for the next one, should that have none.

        Raises `redis.RedisError`.
        """
        return self._turns.take(turn, plan, another)

    def handle(self, task: Task) -> None:
        """Answer a task with a label or an error, confirmed by the broker.

        Raises `BrokerError` when the answer couldn't be published: the task has to come again.
        """
        self._counted = None
        with structlog.contextvars.bound_contextvars(device=task.device, job=task.job):
            log.info("taken")
            try:
                self._answer(task, self._label(task))
            except _RefusedError as refused:
                self._refuse(task, refused)

    def end(self, turn: str) -> None:
        """The burst of a turn is answered or refused."""
        with _optional("the burst may be answered once more"):
            self._turns.end(turn)

    def uncount(self) -> None:
        """The evaluation in work, if any, is handed back: it is no failed attempt."""
        if self._counted is not None:
            self._redis.decr(self._counted)

    def _answer(self, task: Task, label: EncryptedScores) -> None:
        self._publish(topics.labels(task.device, task.job), messages.encode(label))
        self._leave(task)
        with _optional("the registry counts too few frames"):
            self._registry.count(self._worker, task.frames)
        metrics.ANSWERED.inc(task.frames)
        log.info("answered", evaluate_ms=round((label.finished_at - label.started_at) * 1000))

    def _label(self, task: Task) -> EncryptedScores:
        try:
            return self._cached(task) or self._evaluate(task)
        except redis.ResponseError:
            names = [place(task.device, task.job) for place in (tasks.result_key, tasks.attempts_key)]
            names += [place(task.key_owner, task.key_set) for place in (tasks.keys_key, tasks.keys_digest_key)]
            if not discard_wrong(self._redis, dict.fromkeys([task.blob, *names], "string")):
                raise
            return self._label(task)

    def _cached(self, task: Task) -> EncryptedScores | None:
        data = self._fetch(tasks.result_key(task.device, task.job))
        try:
            return None if data is None else messages.decode(data, EncryptedScores)
        except WireError as error:
            log.warning("a label that was kept is damaged; evaluating again", error=str(error))
            return None

    def _fetch(self, key: str) -> bytes | None:
        return cast("bytes | None", self._redis.get(key))  # redis-py's type is also that of its async client

    def _fetch_frame(self, task: Task) -> bytes | None:
        """A frame's bytes; None when it isn't here."""
        blob = cast("bytes", self._redis.getrange(task.blob, 0, _MOST_BYTES))
        return blob if blob or self._redis.exists(task.blob) else None

    def _evaluate(self, task: Task) -> EncryptedScores:
        taken = time.time()
        plan = self._plans.get(task.plan)
        if plan is None:
            raise _RefusedError("unknown-plan", f"this worker doesn't serve plan {task.plan[:12]}")
        blob = self._fetch_frame(task)
        if blob is None:
            raise _RefusedError("expired", "the frame was dropped before a worker took it; send it again")
        if digest_of(blob) != task.job.rpartition("-")[2]:
            raise _RefusedError("corrupted", "the ciphertext isn't the one that the job was named after; send it again")
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
        label = EncryptedScores(
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
            taken_at=taken,
            sealed=task.sealed,
        )
        self._keep(task, label)
        metrics.evaluated(label, self._weights)
        return label

    def _keep(self, task: Task, label: EncryptedScores) -> None:
        """An evaluation was finished: forget its attempts, and keep its label in case the frame comes again."""
        with _optional("its frame would be evaluated again, should it come again"):
            self._redis.delete(tasks.attempts_key(task.device, task.job))  # first: this needs no memory
            kept = tasks.result_key(task.device, task.job)
            self._redis.set(kept, messages.encode(label), ex=self._settings.result_ttl)
        self._counted = None

    def _count_attempt(self, task: Task) -> None:
        key = tasks.attempts_key(task.device, task.job)
        attempts = count_up(self._redis, key, 1, _ATTEMPTS_TTL)
        self._counted = key
        if attempts > MAX_ATTEMPTS:
            raise _RefusedError("failed", f"its evaluation was begun {MAX_ATTEMPTS} times and never finished")

    def _load_keys(self, task: Task, plan: PreparedPlan) -> LoadedKeys:
        stored = StoredKeys(self._redis, task.key_owner, task.key_set)
        try:
            keys = self._keys.get(stored, plan.head)
        except WireError as error:
            stored.drop()
            # What was uploaded had its SHA-256, so it was damaged on the device: no upload mends it.
            raise _RefusedError("unfit-key", f"the evaluation keys are damaged; make a new key set: {error}") from error
        except KeySetError as error:
            raise _RefusedError("unfit-key", str(error)) from error
        if keys is None:
            # Not the frame's fault: the key holder uploads the keys, and the device sends it again.
            self._redis.delete(tasks.attempts_key(task.device, task.job))
            raise _RefusedError("unknown-key", f"key set {task.key_set[:12]} isn't here; upload it")
        return keys

    def _refuse(self, task: Task, refused: _RefusedError) -> None:
        metrics.REFUSED.labels(refused.reason).inc()
        reply = ErrorReply(1, task.job, refused.reason, explained(refused))
        log.warning("refused", reason=reply.reason, detail=reply.detail)
        self._leave(task)  # before the device can hear it, and send the frame again
        self._publish(topics.errors(task.device, task.job), messages.encode(reply))
        if not reply.retry:  # should someone try it again all the same, then it begins anew
            with _optional("its attempts still count"):
                self._redis.delete(tasks.attempts_key(task.device, task.job))

    def _leave(self, task: Task) -> None:
        """A burst waits no more, and its bytes are gone."""
        with _optional("the burst still counts as waiting"):
            self._waiting.done(task.device, task.job)

    def _publish(self, topic: str, payload: bytes) -> None:
        self._mqtt.check()
        self._mqtt.publish_confirmed(topic, payload, _PUBLISH_TIMEOUT)


@contextmanager
def _optional(otherwise: str) -> Iterator[None]:
    """Where Redis fails, say what comes of it and go on."""
    try:
        yield
    except redis.RedisError as error:
        log.warning(f"Redis failed after an evaluation; {otherwise}", error=str(error))


def prepare_plans(paths: Sequence[Path], cache: WeightCache) -> dict[str, PreparedPlan]:
    """Plans by hash, their weights encoded or read when used. Raises `PlanError` for a file that can't be used."""
    plans = [PreparedPlan(load_served(path), cache) for path in paths]
    return {plan.head.hash: plan for plan in plans}
