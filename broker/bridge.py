"""`blindsight bridge`: from MQTT to Celery.

A frame is acknowledged to the broker only once it is in Redis and its task is in the queue. So a bridge that dies
loses nothing: the broker or the device sends the frame again. Any number of bridges may run; they share their
subscriptions.
"""

import threading
import time
import uuid
from contextlib import ExitStack

import redis

from broker import metrics
from broker.flow import FlowControl
from broker.groups import subscriptions
from broker.received_keys import KeyUploads
from broker.retained_messages import RetainedMessages
from broker.served_plans import ServedPlans
from broker.settings import BridgeSettings
from common.errors import BrokerError, CorruptedError, WireError
from common.fleet import redis_keys, tasks
from common.fleet.registry import Registry
from common.fleet.storage import connect_redis
from common.fleet.time_limits import TIME_LIMIT
from common.fleet.waiting import WaitingBursts
from common.logs import get_logger
from common.quoting import shown
from common.service.health import Health, Progress, answers, connected
from common.service.metrics import watched
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.inbox import Inbox
from common.wire.incoming import IncomingMessage
from common.wire.messages import Burst, ErrorReply, KeyAck, KeyChunk, Reason, Task, explained
from common.wire.service_loop import ServiceLoop
from common.wire.topics import FrameTopic, KeysTopic

#: Seconds between two tries of a message: while Redis doesn't answer, and while it answers.
_RETRY_SECONDS, _SOON_SECONDS = 1.0, 0.1
#: Tries of a message that fails although Redis answers. After these it is refused, since others wait behind it.
_TRIES = 3
#: Seconds for which the queue may stand still while there are workers: more than the longest evaluation.
_STILL_SECONDS = 2.0 * TIME_LIMIT
#: Seconds after which a device shall send a frame again whose plan no worker serves: its worker may be starting.
_UNSERVED_SECONDS = 10.0
#: Seconds after which a device shall send a frame again that Redis refused.
_REFUSING_SECONDS = 10.0

log = get_logger(__name__)


class Bridge:
    """Takes frames and chunks of keys, one at a time and device by device in turns, in the thread of `run`.

    Making one raises `ConfigurationError` for a setting that can't be used, and `BrokerError` when Redis refuses us.
    """

    def __init__(self, settings: BridgeSettings, client_id: str) -> None:
        self._settings = settings
        self._inbox = Inbox(may_drop=lambda _: True)  # devices send again what isn't answered
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
        self._loop = ServiceLoop(self._mqtt)
        self._redis = connect_redis(settings)  # after all else that can fail, or it would stay open
        self._registry, self._waiting = Registry(self._redis), WaitingBursts(self._redis)
        self._served = ServedPlans(self._registry)
        self._celery = tasks.make_celery(settings.redis_dsn())
        self._uploads = KeyUploads(self._redis, settings.key_ttl)
        self._flow = FlowControl(self._redis, settings)

    def run(self) -> None:
        """Serve until `stop`, and close all connections at the end, also where it ends by an error.

        Raises `BrokerError` when the broker refuses us for good, and `ConfigurationError` when the port for metrics is
        in use.
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
            stack.enter_context(watched(self._settings, self._health(), metrics.REGISTRY))
            while not self._stopping.is_set():
                self._loop.turn()
                message = self._inbox.get(timeout=0.5)
                if message is not None:
                    self._take(message)

    def _health(self) -> Health:
        def waits() -> bool:
            return self._waiting.depth().bursts > 0 and bool(self._registry.workers())

        drained = Progress("the queue stands still", waits, lambda: self._waiting.depth().drained, _STILL_SECONDS)
        up, redis_answers = connected(lambda: self._mqtt.connected), answers("Redis", self._redis.ping)
        return Health(self._loop.pulse, up, redis_answers, drained)

    def stop(self) -> None:
        """End `run` after the message in work."""
        self._stopping.set()

    def _connected(self) -> None:
        """In paho's thread: drop what came by an earlier connection.

        It can't be acknowledged any more, and its senders send it again.
        """
        metrics.CONNECTIONS.inc()
        dropped = self._inbox.clear()
        if dropped:
            log.warning("dropped messages of an earlier connection", messages=dropped)

    def _arrived(self, message: IncomingMessage) -> None:
        """In paho's thread: keep a message for `run`, or drop it.

        A message that is dropped is acknowledged, or the broker would wait for that and send no more.
        """
        if not self._inbox.put(message):
            metrics.DROPPED.inc()
            self._loop.say(
                log.warning, "dropped what a device sent: too much of it waits; it has to send it again", message
            )
            self._mqtt.acknowledge(message)

    def _take(self, message: IncomingMessage) -> None:
        """Handle a message until it is safe or refused, and only then acknowledge it. No message makes it raise."""
        try:
            done = self._hand_on(message)
        except Exception:  # a fault of ours
            self._loop.say(log.error, "a message can't be handled", message, exc_info=True)
            self._give_up(message, "failed", "the bridge can't handle it; its log says why", own=True)
            done = True
        if done:
            self._mqtt.acknowledge(message)

    def _hand_on(self, message: IncomingMessage) -> bool:
        """Try a message until it is safe or refused; False where we are told to stop before it is."""
        tries = 0
        while not self._stopping.is_set():
            try:
                self._handle(message)
                return True
            except WireError as error:
                self._reject(message, error)
                return True
            except (redis.RedisError, BrokerError) as error:
                self._loop.say(
                    log.warning, "a message can't be handed on yet; trying again", message, error=shown(error)
                )
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

    def _give_up(self, message: IncomingMessage, reason: Reason, detail: str, own: bool) -> None:
        """Refuse a message that can't be handed on; `own` says that the fault seems to be the message's own."""
        metrics.GIVEN_UP.inc()
        try:
            topic = topics.parse(message.topic)
        except WireError:
            return  # nobody to answer
        if isinstance(topic, FrameTopic):
            self._refuse(topic, reason, detail, _REFUSING_SECONDS if reason == "busy" else None)
            return
        detail = explained(detail)
        self._loop.say(log.error, "refused keys", message, detail=detail)
        if own:  # a key holder that hears nothing asks again in a few seconds
            ack = KeyAck(1, topic.fingerprint, 0, 1, False, detail)
            self._answer(topics.keys_ack(topic.device, topic.fingerprint), ack)

    def _handle(self, message: IncomingMessage) -> None:
        if not message.payload:  # by which a retained message is cleared (broker.retained_messages)
            return
        topic = topics.parse(message.topic)
        if isinstance(topic, FrameTopic):
            self._enqueue(topic, messages.decode(message.payload, Burst))
        else:
            self._store(topic, messages.decode(message.payload, KeyChunk))

    def _enqueue(self, topic: FrameTopic, burst: Burst) -> None:
        if (burst.device, burst.job) != topic:
            raise WireError(f"the frame says device {burst.device!r}, job {burst.job!r}; its topic says otherwise")
        others = self._served.instead_of(burst.plan)
        if others:
            detail = f"no worker serves plan {burst.plan[:12]}; served: {', '.join(others)}"
            self._refuse(topic, "unknown-plan", detail, _UNSERVED_SECONDS)
            return
        self._served.check_burst(burst.plan, len(burst.ciphertext), burst.frames)
        blob = redis_keys.blob_key(topic.device, topic.job)
        names = topic.device, topic.job, burst.key_set, burst.plan
        task = Task(*names, blob, time.time(), burst.frames, burst.custody, burst.sealed, burst.labels)
        turn = tasks.turn_message(self._celery, burst.plan, str(uuid.uuid4()))
        refusal = self._flow.admit(task, burst.ciphertext, turn)
        if refusal is not None:
            self._refuse(topic, "busy", refusal.detail, refusal.retry_in)
            return
        metrics.QUEUED.inc(burst.frames)
        log.info("queued", device=topic.device, job=topic.job, bytes=len(burst.ciphertext))

    def _store(self, topic: KeysTopic, chunk: KeyChunk) -> None:
        ack = self._uploads.take(topic, chunk)
        if ack is None:
            return
        self._mqtt.publish(topics.keys_ack(topic.device, topic.fingerprint), messages.encode(ack))
        if ack.complete or ack.error:
            result = "complete" if ack.complete else "failed"
            metrics.KEY_UPLOADS.labels(result).inc()
            details = {"key_set": topic.fingerprint[:12], "complete": ack.complete, "error": ack.error}
            self._loop.lines.say(log.info, "keys", topic.device, result, **details)

    def _reject(self, message: IncomingMessage, error: WireError) -> None:
        try:
            topic = topics.parse(message.topic)
        except WireError:
            self._loop.say(log.warning, "refused a message", message, detail=explained(error))
            return  # nobody to answer
        if isinstance(topic, FrameTopic):
            self._refuse(topic, "corrupted" if isinstance(error, CorruptedError) else "malformed", str(error))
        else:
            self._loop.say(log.warning, "refused keys", message, detail=explained(error))

    def _refuse(self, topic: FrameTopic, reason: Reason, detail: str, retry_in: float | None = None) -> None:
        metrics.REFUSED.labels(reason).inc()
        reply = ErrorReply(1, topic.job, reason, explained(detail), retry_in)
        details = {"job": topic.job, "reason": reason, "detail": reply.detail}
        self._loop.lines.say(log.warning, "refused a frame", topic.device, reason, **details)
        self._answer(topics.errors(topic.device, topic.job), reply)

    def _answer(self, topic: str, reply: ErrorReply | KeyAck) -> None:
        """Publish a refusal. Where that fails, the error is logged and the refusal stands."""
        try:
            self._mqtt.publish(topic, messages.encode(reply))
        except BrokerError as error:
            log.error("a refusal can't be published", topic=topic, reason=str(error))


def _says_no(error: Exception) -> bool:
    """Whether Redis refused a command, as it would refuse other messages' too: its memory is full, say."""
    return isinstance(error, redis.ResponseError)
