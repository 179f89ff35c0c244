"""`blindsight bridge`: from MQTT to Celery.

A frame is acknowledged to the broker only once it lies in Redis and its task is queued, so a
bridge that dies loses nothing: the broker or the device sends the frame again. Bridges share
one subscription; any number of them may run.
"""

import contextlib
import queue
import threading
import time

import redis
import structlog
from kombu.exceptions import OperationalError

from broker import metrics
from broker.flow import FlowControl
from broker.limits import FrameLimit
from broker.served import ServedPlans
from broker.settings import BridgeSettings
from broker.uploads import KeyUploads
from common import messages, tasks, topics
from common.errors import BrokerError, CorruptedError, WireError
from common.health import Health, Progress, Pulse, answers, connected
from common.messages import ErrorReply, Frame, KeyChunk, Reason, Task
from common.metrics import watched
from common.mqtt import MqttConnection, Received
from common.registry import Registry
from common.storage import connect_redis
from common.topics import FrameTopic, KeysTopic
from common.waiting import Waiting

#: Bridges share what comes. A group name for each filter: rumqttd keeps one filter per group.
SUBSCRIPTIONS = (f"$share/frames/{topics.ROOT}/+/frames/+", f"$share/keys/{topics.ROOT}/+/keys/+/+")
_RETRY_SECONDS = 1.0
#: For which the queue may stand still while there are workers: more than the longest evaluation.
_STILL_SECONDS = 2.0 * tasks.TIME_LIMIT
#: When to ask again for a plan that no worker serves: its worker may be on its way.
_UNSERVED_SECONDS = 10.0

log = structlog.get_logger()


class Bridge:
    """Takes frames and key chunks in the order of arrival, one at a time, off paho's thread."""

    def __init__(self, settings: BridgeSettings, client_id: str) -> None:
        self._settings = settings
        # The broker sends no more than the receive maximum by one connection; the other half is for those before it.
        self._inbox: queue.Queue[Received] = queue.Queue(2 * settings.receive_maximum)
        self._stopping = threading.Event()
        self._redis = connect_redis(settings)
        self._registry, self._waiting = Registry(self._redis), Waiting(self._redis)
        self._served = ServedPlans(self._registry)
        self._celery = tasks.make_celery(settings.redis_dsn())
        self._uploads = KeyUploads(self._redis, settings.key_ttl, settings.max_key_mb * 1_000_000)
        self._limit = FrameLimit(self._redis, settings.max_frames_per_minute)
        self._flow = FlowControl(self._redis, settings)
        self._mqtt = MqttConnection(
            settings,
            client_id,
            on_message=self._arrived,
            on_connect=metrics.CONNECTIONS.inc,
            subscriptions=SUBSCRIPTIONS,
            receive_maximum=settings.receive_maximum,
        )

    def run(self) -> None:
        """Serve until `stop`. Raises `BrokerError` when the broker refuses us for good."""
        self._mqtt.connect()
        log.info(
            "bridging",
            mqtt=f"{self._settings.mqtt_host}:{self._settings.mqtt_port}",
            redis=self._settings.redis_address(),
        )
        metrics.REGISTRY.register(metrics.FleetMetrics(self._redis))
        pulse = Pulse()
        with watched(self._settings, self._health(pulse), metrics.REGISTRY):
            while not self._stopping.is_set():
                pulse.beat()
                self._mqtt.check()
                try:
                    message = self._inbox.get(timeout=0.5)
                except queue.Empty:
                    continue
                self._take(message)
        self._mqtt.close()

    def _health(self, pulse: Pulse) -> Health:
        def waits() -> bool:
            return self._waiting.depth().bursts > 0 and bool(self._registry.workers())

        drained = Progress("the queue stands still", waits, lambda: self._waiting.depth().drained, _STILL_SECONDS)
        return Health(pulse, connected(lambda: self._mqtt.connected), answers("Redis", self._redis.ping), drained)

    def stop(self) -> None:
        """End `run` after the message in work."""
        self._stopping.set()

    def _arrived(self, message: Received) -> None:
        """In paho's thread: let a message wait, in place of the oldest one if need be, which its sender sends again."""
        while True:
            try:
                self._inbox.put_nowait(message)
                return
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    log.warning("dropped a message of an earlier connection", topic=self._inbox.get_nowait().topic)

    def _take(self, message: Received) -> None:
        """Handle a message until it is safe or refused, and only then acknowledge it."""
        while not self._stopping.is_set():
            try:
                self._handle(message)
            except WireError as error:
                self._reject(message, error)
            except (redis.RedisError, OperationalError, BrokerError) as error:
                log.warning("a message can't be handed on yet; trying again", topic=message.topic, error=str(error))
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._mqtt.acknowledge(message)
            return

    def _handle(self, message: Received) -> None:
        topic = topics.parse(message.topic)
        if isinstance(topic, FrameTopic):
            self._enqueue(topic, messages.decode(message.payload, Frame))
        else:
            self._store(topic, messages.decode(message.payload, KeyChunk))

    def _enqueue(self, topic: FrameTopic, frame: Frame) -> None:
        if (frame.device, frame.job) != topic:
            raise WireError(f"the frame says device {frame.device!r}, job {frame.job!r}; its topic says otherwise")
        others = self._served.instead_of(frame.plan)
        if others:
            detail = f"no worker serves plan {frame.plan[:12]}; served: {', '.join(others)}"
            self._refuse(topic, "unknown-plan", detail, _UNSERVED_SECONDS)
            return
        if not self._limit.admits(topic.device, frame.frames):
            limit = f"more than {self._settings.max_frames_per_minute} in a minute (--max-frames-per-minute)"
            self._refuse(topic, "busy", limit, self._limit.rest(topic.device))
            return
        wait = self._flow.wait(topic, len(frame.ciphertext))
        if wait is not None:
            self._refuse(topic, "busy", "as many bursts wait as may (--max-queue, --max-queue-mb)", wait)
            return
        blob = tasks.blob_key(topic.device, topic.job)
        task = Task(topic.device, topic.job, frame.key_set, frame.plan, blob, time.time(), frame.frames, frame.custody)
        self._redis.set(blob, frame.ciphertext, ex=self._settings.frame_ttl)
        queue_name = tasks.queue_of(frame.plan)
        self._celery.send_task(tasks.EVALUATE, kwargs=_fields(task), queue=queue_name, expires=self._settings.frame_ttl)
        self._redis.expire(queue_name, self._settings.frame_ttl)  # a retired plan's frames don't stay for ever
        metrics.QUEUED.inc(frame.frames)
        log.info("queued", device=topic.device, job=topic.job, bytes=len(frame.ciphertext))

    def _store(self, topic: KeysTopic, chunk: KeyChunk) -> None:
        ack = self._uploads.take(topic, chunk)
        if ack is None:
            log.warning("Redis has no room for keys; they wait (maxmemory)", device=topic.device)
            return
        self._mqtt.publish(topics.keys_ack(topic.device, topic.fingerprint), messages.encode(ack))
        if ack.complete or ack.error:
            metrics.KEY_UPLOADS.labels("complete" if ack.complete else "failed").inc()
            log.info(
                "keys",
                device=topic.device,
                key_set=topic.fingerprint[:12],
                complete=ack.complete,
                error=ack.error,
            )

    def _reject(self, message: Received, error: WireError) -> None:
        detail = str(error)
        try:
            topic = topics.parse(message.topic)
        except WireError:
            log.warning("refused a message", topic=message.topic, detail=detail)
            return  # nobody to answer
        if isinstance(topic, FrameTopic):
            self._refuse(topic, "corrupted" if isinstance(error, CorruptedError) else "malformed", detail)
        else:
            log.warning("refused keys", topic=message.topic, detail=detail)

    def _refuse(self, topic: FrameTopic, reason: Reason, detail: str, retry_in: float | None = None) -> None:
        metrics.REFUSED.labels(reason).inc()
        log.warning("refused a frame", device=topic.device, job=topic.job, reason=reason, detail=detail)
        reply = ErrorReply(1, topic.job, reason, detail, retry_in)
        self._mqtt.publish(topics.errors(topic.device, topic.job), messages.encode(reply))


def _fields(task: Task) -> dict[str, str | float]:
    return {name: getattr(task, name) for name in task.__struct_fields__}
