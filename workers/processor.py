"""One job from its turn to its published answer."""

import os
import socket
import time

import redis
import structlog

from common.fleet.storage import connect_redis
from common.logs import get_logger
from common.wire.connection import MqttConnection
from common.wire.messages import EncryptedScores, Task
from workers import metrics
from workers.answers import Answers
from workers.evaluation.burst_evaluation import BurstEvaluator
from workers.evaluation.engine import Engine, LoadedKeys, PreparedPlan
from workers.jobs import Jobs
from workers.keys.key_cache import KeyCache
from workers.preparation import Evaluation
from workers.redis_errors import log_redis_errors
from workers.refusal import RefusedError
from workers.settings import WorkerSettings

log = get_logger(__name__)


class Processor:
    """What one process of a worker holds: prepared plans, key sets, and its connections.

    Every step may be repeated: a job that was answered is answered again from the labels that Redis keeps. What Redis
    is told after an evaluation only saves time or room: where that fails, the burst isn't evaluated again. `worker` is
    the registry's name for the worker that the process is part of.

    The key sets lie in files of `settings.key_folder`, or where it is None in the process.

    Making one raises `BrokerError` when the broker or Redis refuses us, and `ConfigurationError` for a setting that
    can't be used.
    """

    def __init__(self, settings: WorkerSettings, worker: str, evaluation: Evaluation) -> None:
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._weights = evaluation.weights
        self._evaluator = BurstEvaluator(evaluation.plans, key_cache(settings, evaluation.engine))
        self._mqtt = MqttConnection(settings, f"worker-{self._name}", on_connect=metrics.CONNECTIONS.inc)
        self._redis = connect_redis(settings)
        self._jobs = Jobs(self._redis, settings.time_limit, settings.result_ttl)
        self._answers = Answers(self._mqtt, self._redis, worker)
        try:
            self._mqtt.connect()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        try:
            self._mqtt.close()
        finally:
            self._redis.close()

    def take(self, turn: str, plan: str, another: str) -> Task | None:
        """The job whose turn it is; None when no burst waits. `another` is a turn for the next burst, if it has none.

        Raises `redis.RedisError`.
        """
        return self._jobs.take(turn, plan, another)

    def handle(self, task: Task) -> None:
        """Answer a job with a label or an error, confirmed by the broker.

        Raises `BrokerError` when the answer couldn't be published, and `redis.RedisError` when Redis failed before
        the evaluation: in both cases the job has to come again. Raises the engine's errors, too.
        """
        with structlog.contextvars.bound_contextvars(device=task.device, job=task.job):
            log.info("taken")
            try:
                self._answers.give(task, self._label(task))
            except RefusedError as refusal:
                reply = self._answers.refuse(task, refusal)
                if not reply.retry:  # should someone send it again all the same, then it begins anew
                    with log_redis_errors("its attempts still count"):
                        self._jobs.forget_attempts(task)

    def end(self, turn: str) -> None:
        """The job of a turn is answered or refused. Raises nothing."""
        self._jobs.end(turn)

    def hand_back(self) -> None:
        """The evaluation in work, if any, is left to another worker: it is no failed attempt.

        Raises `redis.RedisError`.
        """
        self._jobs.hand_back()

    def _label(self, task: Task) -> EncryptedScores:
        try:
            return self._jobs.kept_label(task) or self._evaluate(task)
        except redis.ResponseError:
            if not self._jobs.discard_wrong(task):
                raise
            return self._label(task)

    def _evaluate(self, task: Task) -> EncryptedScores:
        taken_at = time.time()
        plan = self._evaluator.plan(task.plan)
        burst = self._jobs.burst(task)
        self._jobs.begin(task)
        keys = self._keys(task, plan)
        started_at = time.time()
        scores = self._evaluator.evaluate(plan, keys, burst, task.labels == "rounded")
        label = EncryptedScores(
            version=1,
            job=task.job,
            key_set=task.key_set,
            plan=task.plan,
            received_at=task.received_at,
            started_at=started_at,
            finished_at=time.time(),
            published_at=time.time(),
            worker=self._name,
            ciphertext=scores,
            frames=task.frames,
            taken_at=taken_at,
            sealed=task.sealed,
        )
        self._jobs.finish(task, label)
        metrics.count_evaluation(label, self._weights)
        return label

    def _keys(self, task: Task, plan: PreparedPlan) -> LoadedKeys:
        try:
            return self._evaluator.keys(plan, self._jobs.keys(task))
        except RefusedError as refusal:
            if refusal.reason == "unknown-key":  # not the burst's fault: the keys are uploaded, and it comes again
                self._jobs.forget_attempts(task)
            raise


def key_cache(settings: WorkerSettings, engine: Engine) -> KeyCache:
    """A process's cache: the machine's budget is that of the files, and its share of it what it may hold itself."""
    budget = settings.key_cache_mb * 1_000_000
    files = None if settings.key_folder is None else engine.key_files(settings.key_folder, budget)
    return KeyCache(budget // settings.concurrency, engine, files)
