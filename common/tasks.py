"""The Celery application that bridge and workers share, and the keys they use in Redis."""

from celery import Celery

QUEUE = "frames"
EVALUATE = "blindsight.evaluate"
#: Seconds after which Celery kills an evaluation; a frame takes a tenth to a few seconds.
TIME_LIMIT = 120
#: Redis gives a task to another worker when it wasn't acknowledged for this long; it has to
#: exceed the time limit, or slow frames would be evaluated twice.
VISIBILITY_TIMEOUT = 3 * TIME_LIMIT


def make_celery(redis_url: str) -> Celery:
    """A Celery application on this Redis: late acknowledgement, no results, one task at a time."""
    app = Celery("blindsight", broker=redis_url)
    app.conf.update(
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,  # attempts are counted, so a frame that kills workers ends
        task_time_limit=TIME_LIMIT,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT, "socket_keepalive": True},
    )
    return app


def blob_key(device: str, job: str) -> str:
    """Where the bridge puts an encrypted frame."""
    return f"blindsight:frame:{device}:{job}"


def result_key(device: str, job: str) -> str:
    """Where a worker keeps the label that it published, to answer a repeated job again."""
    return f"blindsight:result:{device}:{job}"


def attempts_key(device: str, job: str) -> str:
    """How often the evaluation of a job was begun."""
    return f"blindsight:attempts:{device}:{job}"


def keys_key(owner: str, fingerprint: str) -> str:
    """Where the complete evaluation keys of a device, or of the console, are. None can write another's."""
    return f"blindsight:keys:{owner}:{fingerprint}"


def upload_key(device: str, fingerprint: str) -> str:
    """Where evaluation keys gather while they are uploaded."""
    return f"blindsight:upload:{device}:{fingerprint}"
