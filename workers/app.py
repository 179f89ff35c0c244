"""`blindsight worker`: a Celery worker whose processes each hold a `Processor`.

Prefork, because Pyfhel holds the GIL: one frame per process. The processor is made after the
fork, since neither SEAL's memory pool nor a connection survives one.
"""

import os
from typing import Any

import msgspec
import redis
import structlog
from celery import Celery, signals

from common.errors import BlindsightError, PlanError
from common.health import Heartbeat
from common.messages import Task
from common.mqtt import MqttConnection
from common.plan import Plan
from common.predictions import check_memory, plan_ms, weight_bytes
from common.sealed import load_served, structure_of
from common.storage import connect_redis
from common.tasks import EVALUATE, QUEUE, TIME_LIMIT, make_celery
from workers.processor import Processor
from workers.settings import WorkerSettings

_START_TIMEOUT = 60.0
_RETRY_SECONDS = 2

log = structlog.get_logger()
_processor: Processor | None = None


def run_worker(settings: WorkerSettings) -> None:
    """Serve tasks until SIGTERM or Ctrl-C, finishing the frames in work.

    Raises `BlindsightError` before it starts when a plan can't be used, or the broker or Redis
    refuses us.
    """
    _check_first(settings)
    app = make_celery(settings.redis_dsn())
    app.conf.worker_proc_alive_timeout = _START_TIMEOUT
    _register(app, settings)
    monitor = connect_redis(settings)
    with Heartbeat(settings.health_file, lambda: bool(monitor.ping())):
        app.worker_main(
            [
                "--quiet",  # no banner between the log's lines
                "worker",
                "--pool=prefork",
                f"--concurrency={settings.concurrency}",
                f"--queues={QUEUE}",
                f"--loglevel={settings.log_level}",
                "--without-gossip",
                "--without-mingle",
                f"--hostname=blindsight-{os.getpid()}@%h",
            ]
        )


def _check_first(settings: WorkerSettings) -> None:
    """Fail with a clear message here rather than in a forked child."""
    for path in settings.plans:
        plan = structure_of(load_served(path))
        head = plan.head
        if head.for_sealing and head.sealed_for is None:
            raise PlanError(
                f"{path} was compiled to be sealed, and its weights are in plain: run blindsight model seal, and give "
                "this worker the sealed plan; or compile the model without --sealed"
            )
        if head.sealed_for is None:
            check_memory(plan, settings.concurrency)  # the cache of sealed weights is bounded instead
        predicted_ms = _check_time(plan)
        log.info(
            "serving",
            model=head.model,
            plan=head.hash[:12],
            security_bits=head.parameters.security_bits,
            frames_per_ciphertext=head.frames_per_ciphertext,
            sealed_for=head.sealed_for and head.sealed_for[:12],
            predicted_ms=round(predicted_ms),
            weights_mb=round(weight_bytes(plan) / 1e6),
        )
    connect_redis(settings).close()
    connection = MqttConnection(settings, f"worker-check-{os.getpid()}")
    connection.connect()
    connection.close()


def _check_time(plan: Plan) -> float:
    """The predicted time of an evaluation, in ms. Raises `PlanError` when none would end in time."""
    seconds = plan_ms(plan) / 1000
    what = f"plan {plan.head.hash[:12]}, for {plan.head.frames_per_ciphertext} frames in a ciphertext"
    if seconds > TIME_LIMIT:
        raise PlanError(
            f"an evaluation of {what}, is predicted to take {seconds:.0f} s, and is ended after {TIME_LIMIT} s; "
            "compile it with fewer --frames-per-ciphertext. If this machine is faster than predicted, "
            "run: blindsight calibrate"
        )
    if seconds > TIME_LIMIT / 2:
        log.warning(
            f"an evaluation of {what}, may reach the time limit", predicted_s=round(seconds), limit_s=TIME_LIMIT
        )
    return seconds * 1000


def _register(app: Celery, settings: WorkerSettings) -> None:
    @signals.worker_process_init.connect(weak=False)
    def start(**_: Any) -> None:
        global _processor
        _processor = Processor(settings)

    @signals.worker_process_shutdown.connect(weak=False)
    def stop(**_: Any) -> None:
        if _processor is not None:
            _processor.close()

    @app.task(name=EVALUATE, bind=True, max_retries=None)
    def evaluate(self: Any, **fields: Any) -> None:
        try:
            task = msgspec.convert(fields, Task)
        except msgspec.ValidationError as error:
            log.error("dropped a task that isn't ours", error=str(error))
            return
        if _processor is None:
            raise self.retry(countdown=_RETRY_SECONDS)
        try:
            _processor.handle(task)
        except (BlindsightError, redis.RedisError) as error:
            log.warning("no answer could be given yet; trying again", job=task.job, error=str(error))
            raise self.retry(countdown=_RETRY_SECONDS) from error
        except Exception as error:  # SEAL's errors; attempts are counted, so this ends
            log.exception("evaluation failed; trying again", job=task.job)
            raise self.retry(countdown=_RETRY_SECONDS) from error
