"""`blindsight console`: labels in, receipts out.

A label is acknowledged to the broker only once it is recorded, and its device gets the receipt only
then. A console that dies in between gets the label again, from the broker or because its device asks
again, finds it recorded, and gives the receipt again.
"""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import structlog

from common import messages, topics
from common.errors import WireError
from common.health import Health, Pulse, answers, connected
from common.keys import KeySet, load_key_set
from common.known_answers import load_known_answers
from common.messages import ErrorReply, KeyAck, KeyChunk, Label
from common.metrics import watched
from common.mqtt import MqttConnection, Received
from common.plan_file import load_head
from common.scores import ScoreReader
from common.topics import CONSOLE_USER
from common.upload import KeyUpload
from console import metrics
from console.forwarding import CommandForwarder, TopicForwarder
from console.labels import LabelDesk
from console.outputs import Output
from console.record import Record
from console.settings import ConsoleSettings

#: Seconds for which the broker keeps labels for a console that is away. Devices ask again later.
_SESSION_EXPIRY = 86400
_IDLE_WAIT = 0.5

log = structlog.get_logger()


class Console:
    """A site's console. Everything but the receiving of messages happens in `run`'s thread."""

    def __init__(self, settings: ConsoleSettings, key_set: KeySet, desk: LabelDesk, outputs: Sequence[Output]) -> None:
        self._settings, self._key_set, self._desk = settings, key_set, desk
        self._inbox: queue.Queue[Received | None] = queue.Queue()  # bounded by MQTT's receive maximum
        self._stopping = threading.Event()
        self._reconnected = threading.Event()
        self._mqtt = MqttConnection(
            settings,
            CONSOLE_USER,
            on_message=self._inbox.put,
            on_connect=self._reconnected.set,
            subscriptions=(
                topics.labels("+", "+"),
                topics.errors("+", "+"),
                topics.keys_ack(CONSOLE_USER, "+"),
            ),
            observed=(topics.status("+"),),  # and so they take no room from the labels that wait for us
            session_expiry=_SESSION_EXPIRY,
        )
        self._pulse = Pulse()
        record = answers("the record", desk.check_record)
        self._health = Health(self._pulse, connected(lambda: self._mqtt.connected), record)
        self._upload = KeyUpload(CONSOLE_USER, key_set, self._publish_chunk)
        self._outputs = list(outputs)
        if settings.forward_topic is not None:
            log.warning("whoever runs the broker can read the labels that are forwarded", topic=settings.forward_topic)
            self._outputs.append(TopicForwarder(settings.forward_topic, self._mqtt.publish))
        if settings.forward_command is not None:
            self._outputs.append(CommandForwarder(settings.forward_command))

    def run(self) -> None:
        """Serve until `stop`. Raises `BrokerError` when the broker or bridge refuses us, and `RecordError`."""
        self._mqtt.connect()
        log.info("reading labels", key_set=self._key_set.fingerprint[:12], record=str(self._settings.state))
        try:
            with watched(self._settings, self._health, metrics.REGISTRY):
                while not self._stopping.is_set():
                    self._step()
        finally:
            self._mqtt.close()
            for output in self._outputs:
                output.close()

    def stop(self) -> None:
        """End `run` after the message in work."""
        self._stopping.set()
        self._inbox.put(None)

    def _step(self) -> None:
        self._pulse.beat()
        self._mqtt.check()
        if self._reconnected.is_set():
            self._reconnected.clear()
            metrics.CONNECTIONS.inc()
            self._upload.begin()
        self._upload.tick()
        try:
            message = self._inbox.get(timeout=_IDLE_WAIT)
        except queue.Empty:
            return
        if message is None:
            return
        try:
            self._handle(message)
        except WireError as error:
            log.warning("ignored a message", topic=message.topic, reason=str(error))
        self._mqtt.acknowledge(message)

    def _handle(self, message: Received) -> None:
        device, kind = topics.parse_any(message.topic)
        if kind == "keys-ack":
            self._upload.acknowledged(messages.decode(message.payload, KeyAck))
        elif device in topics.RESERVED_USERS:
            raise WireError(f"{device!r} is no device")
        elif kind == "labels":
            self._take_label(device, message)
        elif kind == "errors":
            self._take_error(device, messages.decode(message.payload, ErrorReply))
        elif kind == "status":
            self._take_status(device, message.payload)

    def _take_label(self, device: str, message: Received) -> None:
        label, arrived = messages.decode(message.payload, Label), time.time()
        if label.key_set != self._key_set.fingerprint:
            log.debug("a label for another key set", device=device, key_set=label.key_set[:12])
            return
        if message.topic != topics.labels(device, label.job):
            raise WireError(f"the label says job {label.job!r}; its topic says otherwise")
        reading = self._desk.take(device, label, arrived)
        self._mqtt.publish(topics.receipts(device, label.job), messages.encode(reading.receipt))
        metrics.RECEIPTS.inc()
        log.debug("recorded", device=device, job=label.job)
        for check in reading.checks:
            if check.wrong:
                metrics.ALARMS.inc()
                log.error("alarm", **msgspec.structs.asdict(check))
                for output in self._outputs:
                    output.alarm(check)
        for each in reading.labels:
            for output in self._outputs:
                output.label(each)

    def _take_error(self, device: str, reply: ErrorReply) -> None:
        log.debug("no label", device=device, job=reply.job, reason=reply.reason)
        # It may be about a key set that isn't ours: to ask the bridge whether it has ours is cheap.
        if reply.reason == "unknown-key" and self._upload.ready:
            self._upload.begin()

    def _take_status(self, device: str, payload: bytes) -> None:
        status = messages.decode_status(payload)
        if status.key_set == self._key_set.fingerprint:
            for output in self._outputs:
                output.status(device, status)

    def _publish_chunk(self, topic: str, chunk: KeyChunk) -> None:
        self._mqtt.publish(topic, messages.encode(chunk))


@contextmanager
def open_record(settings: ConsoleSettings) -> Iterator[Record]:
    """The record in the console's folder, which is made. Raises `RecordError`."""
    settings.state.mkdir(parents=True, exist_ok=True)
    record = Record(settings.state / "labels.sqlite")
    try:
        yield record
    finally:
        record.close()


def make_console(settings: ConsoleSettings, record: Record, outputs: Sequence[Output]) -> Console:
    """A console ready to run. Raises `BlindsightError` naming what can't be used."""
    key_set = load_key_set(settings.keys, settings.secret_passphrase())
    heads = [load_head(path) for path in settings.plans]
    known = None
    if settings.known_answers is not None:
        known = load_known_answers(settings.known_answers)
        for head in heads:
            known.check_serves(head)
    desk = LabelDesk([ScoreReader(head, key_set) for head in heads], record, settings.label_only, known)
    return Console(settings, key_set, desk, outputs)
