"""`blindsight bridge`: from MQTT to Celery.

A frame is acknowledged to the broker only once it lies in Redis and its task is queued, so a
bridge that dies loses nothing: the broker or the device sends the frame again. Bridges share
one subscription; any number of them may run.
"""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import redis

from broker import metrics
from broker.flow import FlowControl
from broker.groups import subscriptions
from broker.received_keys import KeyUploads
from broker.retained import RetainedMessages
from broker.served import ServedPlans
from broker.settings import BridgeSettings
from common.errors import BrokerError, CorruptedError, WireError
from common.fleet import redis_keys, tasks
from common.fleet.registry import Registry
from common.fleet.storage import connect_redis
from common.fleet.time_limits import TIME_LIMIT
from common.fleet.waiting import Waiting
from common.logs import get_logger
from common.quoting import shown
from common.service.health import Health, Progress, Pulse, answers, connected
from common.service.metrics import watched
from common.service.repeated import RepeatedLines
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.inbox import Inbox
from common.wire.incoming import Received
from common.wire.messages import Burst, ErrorReply, KeyAck, KeyChunk, Reason, Task, explained
from common.wire.topics import FrameTopic, KeysTopic

#: Seconds between tries of a message: while Redis doesn't answer, and when it does.
_RETRY_SECONDS, _SOON_SECONDS = 1.0, 0.1
#: Tries of a message whose handling fails though Redis answers; then it is refused, since others wait behind it.
_TRIES = 3
#: For which the queue may stand still while there are workers: more than the longest evaluation.
_STILL_SECONDS = 2.0 * TIME_LIMIT
#: When to ask again for a plan that no worker serves: its worker may be on its way; and where Redis takes nothing.
_UNSERVED_SECONDS = _REFUSING_SECONDS = 10.0

log = get_logger(__name__)


class Bridge:
    """Takes frames and key chunks, one at a time and the devices in turns, off paho's thread."""

    def __init__(self, settings: BridgeSettings, client_id: str) -> None:
        self._settings = settings
        self._inbox = Inbox(may_drop=lambda _: True)  # devices send again what isn't answered
        self._rubbish = RepeatedLines()
        self._stopping = threading.Event()
        self._retained = RetainedMessages(settings, f"{client_id}-retained")
        self._mqtt = MqttConnection(
            settings,
            client_id,
            on_message=self._arrived,
            on_connect=self._connected,
            subscriptions=subscriptions(settings.password()),
            receive_maximum=settings.receive_maximum,
            may_read=self._inbox.has_room,
        )
        self._redis = connect_redis(settings)  # after all else that can fail, or it would stay open
        self._registry, self._waiting = Registry(self._redis), Waiting(self._redis)
        self._served = ServedPlans(self._registry)
        self._celery = tasks.make_celery(settings.redis_dsn())
        self._uploads = KeyUploads(self._redis, settings.key_ttl)
        self._flow = FlowControl(self._redis, settings)

    def run(self) -> None:
        """Serve until `stop`, and close everything at the end, however it comes.

        Raises `BrokerError` when the broker refuses us for good, and `ConfigurationError` for a port in use.
        """
        with ExitStack() as stack:
            stack.callback(self._redis.close)
            stack.callback(self._mqtt.close)
            self._mqtt.connect()
            log.info(
                "bridging",
                mqtt=f"{self._settings.mqtt_host}:{self._settings.mqtt_port}",
                redis=self._settings.redis_address(),
            )
            fleet = metrics.FleetMetrics(self._redis)
            metrics.REGISTRY.register(fleet)
            stack.callback(metrics.REGISTRY.unregister, fleet)
            self._retained.start()
            stack.callback(self._retained.stop)
            pulse = Pulse()
            stack.enter_context(watched(self._settings, self._health(pulse), metrics.REGISTRY))
            while not self._stopping.is_set():
                pulse.beat()
                self._mqtt.check()
                self._rubbish.tick()
                message = self._inbox.get(timeout=0.5)
                if message is not None:
                    self._take(message)

    def _health(self, pulse: Pulse) -> Health:
        def waits() -> bool:
            return self._waiting.depth().bursts > 0 and bool(self._registry.workers())

        drained = Progress("the queue stands still", waits, lambda: self._waiting.depth().drained, _STILL_SECONDS)
        return Health(pulse, connected(lambda: self._mqtt.connected), answers("Redis", self._redis.ping), drained)

    def stop(self) -> None:
        """End `run` after the message in work."""
        self._stopping.set()

    def _connected(self) -> None:
        """In paho's thread: what came by an earlier connection can't be acknowledged, and its senders send it again."""
        metrics.CONNECTIONS.inc()
        dropped = self._inbox.clear()
        if dropped:
            log.warning("dropped messages of an earlier connection", messages=dropped)

    def _arrived(self, message: Received) -> None:
        """In paho's thread. What is dropped is acknowledged, or the broker would wait for that and send no more."""
        if not self._inbox.put(message):
            metrics.DROPPED.inc()
            self._say(log.warning, "dropped what a device sent: too much of it waits; it has to send it again", message)
            self._mqtt.acknowledge(message)

    def _take(self, message: Received) -> None:
        """Handle a message until it is safe or refused, and only then acknowledge it. It ends nothing but itself."""
        try:
            done = self._hand_on(message)
        except Exception:  # a fault of ours
            self._say(log.error, "a message can't be handled", message, exc_info=True)
            self._give_up(message, "failed", "the bridge can't handle it; its log says why", own=True)
            done = True
        if done:
            self._mqtt.acknowledge(message)

    def _hand_on(self, message: Received) -> bool:
        """Whether a message is safe or refused; not where we are told to stop while Redis doesn't answer."""
        tries = 0
        while not self._stopping.is_set():
            try:
                self._handle(message)
                return True
            except WireError as error:
                self._reject(message, error)
                return True
            except (redis.RedisError, BrokerError) as error:
                self._say(log.warning, "a message can't be handed on yet; trying again", message, error=shown(error))
                if not self._answers():
                    self._stopping.wait(_RETRY_SECONDS)
                    continue
                tries += 1
                if tries == _TRIES:
                    self._give_up(message, "busy", "Redis refuses it; the bridge's log says why", not _says_no(error))
                    return True
                self._stopping.wait(_SOON_SECONDS)
        return False

    def _answers(self) -> bool:
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def _give_up(self, message: Received, reason: Reason, detail: str, own: bool) -> None:
        """Refuse a message that can't be handed on; `own`: for its own sake, as far as can be seen."""
        metrics.GIVEN_UP.inc()
        try:
            topic = topics.parse(message.topic)
        except WireError:
            return  # nobody to answer
        if isinstance(topic, FrameTopic):
            self._refuse(topic, reason, detail, _REFUSING_SECONDS if reason == "busy" else None)
            return
        detail = explained(detail)
        self._say(log.error, "refused keys", message, detail=detail)
        if own:  # else their holder hears nothing, and asks again in a few seconds
            ack = KeyAck(1, topic.fingerprint, 0, 1, False, detail)
            self._answer(topics.keys_ack(topic.device, topic.fingerprint), ack)

    def _handle(self, message: Received) -> None:
        if not message.payload:  # by which a retained message is cleared (broker.retained)
            return
        topic = topics.parse(message.topic)
        if isinstance(topic, FrameTopic):
            self._enqueue(topic, messages.decode(message.payload, Burst))
        else:
            self._store(topic, messages.decode(message.payload, KeyChunk))

    def _enqueue(self, topic: FrameTopic, frame: Burst) -> None:
        if (frame.device, frame.job) != topic:
            raise WireError(f"the frame says device {frame.device!r}, job {frame.job!r}; its topic says otherwise")
        others = self._served.instead_of(frame.plan)
        if others:
            detail = f"no worker serves plan {frame.plan[:12]}; served: {', '.join(others)}"
            self._refuse(topic, "unknown-plan", detail, _UNSERVED_SECONDS)
            return
        self._served.check_burst(frame.plan, len(frame.ciphertext), frame.frames)
        blob = redis_keys.blob_key(topic.device, topic.job)
        asked = topic.device, topic.job, frame.key_set, frame.plan
        task = Task(*asked, blob, time.time(), frame.frames, frame.custody, frame.sealed)
        turn = tasks.turn_message(self._celery, frame.plan, str(uuid.uuid4()))
        refusal = self._flow.admit(task, frame.ciphertext, turn)
        if refusal is not None:
            self._refuse(topic, "busy", refusal.detail, refusal.retry_in)
            return
        metrics.QUEUED.inc(frame.frames)
        log.info("queued", device=topic.device, job=topic.job, bytes=len(frame.ciphertext))

    def _store(self, topic: KeysTopic, chunk: KeyChunk) -> None:
        ack = self._uploads.take(topic, chunk)
        if ack is None:
            return
        self._mqtt.publish(topics.keys_ack(topic.device, topic.fingerprint), messages.encode(ack))
        if ack.complete or ack.error:
            result = "complete" if ack.complete else "failed"
            metrics.KEY_UPLOADS.labels(result).inc()
            said = {"key_set": topic.fingerprint[:12], "complete": ack.complete, "error": ack.error}
            self._rubbish.say(log.info, "keys", topic.device, result, **said)

    def _reject(self, message: Received, error: WireError) -> None:
        try:
            topic = topics.parse(message.topic)
        except WireError:
            self._say(log.warning, "refused a message", message, detail=explained(error))
            return  # nobody to answer
        if isinstance(topic, FrameTopic):
            self._refuse(topic, "corrupted" if isinstance(error, CorruptedError) else "malformed", str(error))
        else:
            self._say(log.warning, "refused keys", message, detail=explained(error))

    def _refuse(self, topic: FrameTopic, reason: Reason, detail: str, retry_in: float | None = None) -> None:
        metrics.REFUSED.labels(reason).inc()
        reply = ErrorReply(1, topic.job, reason, explained(detail), retry_in)
        said = {"job": topic.job, "reason": reason, "detail": reply.detail}
        self._rubbish.say(log.warning, "refused a frame", topic.device, reason, **said)
        self._answer(topics.errors(topic.device, topic.job), reply)

    def _answer(self, topic: str, reply: ErrorReply | KeyAck) -> None:
        """A refusal is over, whether its sender can be told or not."""
        try:
            self._mqtt.publish(topic, messages.encode(reply))
        except BrokerError as error:
            log.error("a refusal can't be published", topic=topic, reason=str(error))

    def _say(self, write: Callable[..., Any], event: str, message: Received, **details: object) -> None:
        """Log what is wrong with a message; the broker holds devices to topics with their own id."""
        try:
            device = topics.parse_any(message.topic).device
        except WireError:
            device = ""
        self._rubbish.say(write, event, device, topic=shown(message.topic), **details)


def _says_no(error: Exception) -> bool:
    """Whether Redis itself refused a command, which it would for others too: its memory is full, say."""
    return isinstance(error, redis.ResponseError)
