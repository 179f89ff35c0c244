"""The Celery application that bridge and workers share, and the keys they use in Redis."""

import base64
import json
from functools import lru_cache
from typing import Any

import kombu
from celery import Celery

_Kombu: Any = kombu  # it has no types
EVALUATE = "blindsight.evaluate"
#: Seconds after which Celery ends an evaluation, unless a worker is told otherwise; a frame takes a tenth to a few.
TIME_LIMIT = 120
#: Redis gives a task to another worker when it wasn't acknowledged for so many time limits. It has
#: to be more than one, or slow frames would be evaluated twice.
_VISIBLE_AFTER = 3
#: Seconds after which an answer from Redis is overdue, and the connection is made anew.
_SOCKET_TIMEOUT = 10
_HEALTH_CHECK_SECONDS = 5
#: Stand for a turn's plan and its id. Kombu would remember every plan that it makes a message for.
_PLAN, _ID = "THE-PLAN-OF-A-TURN", "THE-ID-OF-A-TURN"


def queue_of(plan_hash: str) -> str:
    """The queue of a plan, which the workers that serve it consume; also the list's key in Redis."""
    return f"frames.{plan_hash}"


def celery_queue(plan_hash: str) -> Any:
    """The same for Celery: reached by its name alone, without Kombu's tables of bindings in Redis."""
    name = queue_of(plan_hash)
    return _Kombu.Queue(name, _Kombu.Exchange(""), routing_key=name)


@lru_cache(maxsize=1)
def _turn_template(app: Celery) -> dict[str, Any]:
    """A turn as Celery and Kombu write it for Redis, with places for its plan and its id."""
    queue = celery_queue(_PLAN)
    with _Kombu.Connection("memory://") as connection, connection.channel() as channel:
        app.send_task(EVALUATE, kwargs={"plan": _PLAN}, task_id=_ID, queue=queue, connection=connection)
        message: dict[str, Any] = channel.basic_get(queue.name, no_ack=True).serializable()
    message["properties"]["delivery_tag"] = _ID  # they have to differ too
    return message


def turn_message(app: Celery, plan: str, turn: str) -> str:
    """A task of Celery's, as its queue in Redis holds it: a turn of the plan, to be put there in a step with others."""
    template = _turn_template(app)
    body = base64.b64decode(template["body"]).replace(_PLAN.encode(), plan.encode())
    message = json.dumps({**template, "body": base64.b64encode(body).decode()})
    return message.replace(_PLAN, plan).replace(_ID, turn)


def visibility_timeout(time_limit: int) -> int:
    """Seconds after which Redis gives a task to another worker; a turn has to be known for longer."""
    return _VISIBLE_AFTER * time_limit


def make_celery(redis_url: str, time_limit: int = TIME_LIMIT) -> Celery:
    """A Celery application on this Redis: late acknowledgement, no results, one task at a time.

    `time_limit` is that of an evaluation, in seconds.
    """
    app = Celery("blindsight", broker=redis_url)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        # Attempts are counted, so a frame that kills workers, or hangs, ends.
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=False,
        task_time_limit=time_limit,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # for ever, as all services wait for each other
        broker_channel_error_retry=True,  # a full Redis, or one that still loads, is no reason to end
        broker_transport_options={
            "visibility_timeout": visibility_timeout(time_limit),
            # How often a consumer looks for tasks that became visible. Kombu would at every tenth occasion only.
            "unacked_restore_interval": min(10, time_limit),
            "unacked_restore_throttle": 1,
            # Celery waits for tasks on a socket without a timeout; this finds out that its other end is gone.
            "health_check_interval": _HEALTH_CHECK_SECONDS,
            "socket_timeout": _SOCKET_TIMEOUT,
            "socket_connect_timeout": _SOCKET_TIMEOUT,
            "socket_keepalive": True,
        },
    )
    return app


def blob_key(device: str, job: str) -> str:
    """Where the bridge puts an encrypted frame."""
    return f"blindsight:frame:{device}:{job}"


def result_key(device: str, job: str) -> str:
    """Where a worker keeps a label, to answer a repeated job again."""
    return f"blindsight:result:{device}:{job}"


def attempts_key(device: str, job: str) -> str:
    """How often the evaluation of a job was begun."""
    return f"blindsight:attempts:{device}:{job}"


def keys_key(owner: str, fingerprint: str) -> str:
    """Where the complete evaluation keys of a device, or of the console, are. None can write another's."""
    return f"blindsight:keys:{owner}:{fingerprint}"


def keys_digest_key(owner: str, fingerprint: str) -> str:
    """The SHA-256 of those keys, as their holder announced it."""
    return f"blindsight:keys-sha256:{owner}:{fingerprint}"


def upload_key(device: str, fingerprint: str) -> str:
    """Where evaluation keys gather while they are uploaded."""
    return f"blindsight:upload:{device}:{fingerprint}"


def upload_identity_key(device: str, fingerprint: str) -> str:
    """Which upload gathers there: its total and its SHA-256."""
    return f"blindsight:upload-of:{device}:{fingerprint}"


def key_sets_key(owner: str) -> str:
    """The fingerprints of a key holder's key sets, also of those under way, the one asked for last at the end."""
    return f"blindsight:key-sets:{owner}"
