"""`blindsight console`: labels in, receipts out.

The labels of a burst are acknowledged to the broker only once they are recorded, and only then the device gets the
receipt. A console that dies in between gets them again, from the broker or because the device sends the
burst again; it finds them recorded, and sends the receipt again.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from common.errors import WireError
from common.history.history import History
from common.history.keeping import Forgetful, Keeper
from common.history.way import HistoryWay
from common.keys.key_set import KeySet
from common.keys.upload import KeyUpload
from common.label_groups import NO_GROUPS, LabelGroups
from common.logs import get_logger
from common.publishing.publisher import Publisher
from common.publishing.ways.topic import TopicWay
from common.publishing.ways.way import Way
from common.readings.meters import Meters
from common.service.health import Check, Health, answers, connected
from common.service.metrics import watched
from common.service.state_folder import only_user
from common.wire import messages, topics
from common.wire.connection import MqttConnection, PublishResult
from common.wire.inbox import Inbox
from common.wire.incoming import IncomingMessage
from common.wire.messages import EncryptedScores, ErrorReply, KeyAck, KeyChunk
from common.wire.service_loop import ServiceLoop
from common.wire.status import decode_status
from common.wire.topics import CONSOLE_USER
from console import metrics
from console.outputs import Output
from console.preparation import Preparation
from console.record.filling import Filler
from console.record.record import FILE, Record
from console.recording import LabelDesk
from console.settings import ReadingSettings

#: Seconds for which the broker keeps labels for a console that is away. After that, devices send their bursts again.
_SESSION_EXPIRY = 86400
#: Seconds that a turn of the loop waits for a message, at most.
_IDLE_SECONDS = 0.5
#: Seconds between two questions to the bridge whether it has our key set, at least, however often error replies say no.
_ASK_INTERVAL = 1.0

log = get_logger(__name__)


class Console:
    """A site's console. Everything but the receiving of messages happens in `run`'s thread.

    With a `history` it feeds and fills that, too; `groups` are those of labels.
    """

    def __init__(
        self,
        settings: ReadingSettings,
        key_set: KeySet,
        desk: LabelDesk,
        record: Record,
        outputs: Sequence[Output],
        meters: Meters,
        groups: LabelGroups = NO_GROUPS,
        history: History | None = None,
        checks: Sequence[Check] = (),
    ) -> None:
        self._settings, self._key_set, self._desk, self._record = settings, key_set, desk, record
        self._history, self._meters, self._groups = history, meters, groups
        # Labels and replies are messages of services, of QoS 1. Statuses are of devices and QoS 0, and will come again.
        self._inbox = Inbox(may_drop=lambda message: message.qos == 0)
        self._stopping = threading.Event()
        self._asked_at = 0.0
        self._mqtt = MqttConnection(
            settings,
            CONSOLE_USER,
            on_message=self._arrived,
            may_read=self._inbox.has_room,
            on_published=self._published,
            subscriptions=(
                topics.labels("+", "+"),
                topics.errors("+", "+"),
                topics.keys_ack(CONSOLE_USER, "+"),
            ),
            observed=(topics.status("+"),),  # in QoS 0, so that they take no room from labels in the broker's queue
            session_expiry=_SESSION_EXPIRY,
        )
        self._loop = ServiceLoop(self._mqtt)
        self._upload = KeyUpload(CONSOLE_USER, key_set, self._publish_chunk)
        self._outputs = outputs
        self._checks: Health | None = None
        self._more_checks = checks
        self._topic: TopicWay | None = None
        if settings.forward_topic is not None:
            log.warning("whoever runs the broker can read the labels that are forwarded", topic=settings.forward_topic)
            self._topic = TopicWay(settings.forward_topic, self._mqtt)
        name = f"console.{key_set.fingerprint[:8]}"  # no device has a name with a dot
        more: list[Way] = [] if self._topic is None else [self._topic]
        if history is not None:
            more.append(HistoryWay(history))
        self._publisher = Publisher(settings, record.outgoing, name, metrics.FORWARDING, meters, more)

    def run(self) -> None:
        """Serve until `stop`, and close everything at the end, however it comes.

        Raises `BrokerError` when the broker or bridge refuses us, `RecordError`, the `BlindsightError` of
        an output that can't be written, and `ConfigurationError` when metrics can't be served.
        """
        with ExitStack() as closing:
            closing.callback(self._mqtt.close)
            closing.callback(self._close_outputs)
            closing.callback(self._publisher.close)
            self._mqtt.connect()
            log.info("reading labels", key_set=self._key_set.fingerprint[:12], record=str(self._settings.state))
            self._publisher.start()
            seconds = self._settings.keep_seconds()
            if seconds is not None:
                stores: list[Forgetful] = [self._record] if self._history is None else [self._record, self._history]
                closing.callback(Keeper(stores, seconds).close)
            if self._history is not None:
                record = self._settings.state / FILE
                closing.callback(Filler(record, self._history, self._meters, self._groups, seconds).close)
            self._checks = self._health()
            closing.enter_context(watched(self._settings, self._checks, metrics.REGISTRY))
            while not self._stopping.is_set():
                self._step()

    def problems(self) -> list[str]:
        """What is wrong now, as `/health` says it; from any thread."""
        return [] if self._checks is None else self._checks.problems()

    def _close_outputs(self) -> None:
        for output in self._outputs:
            output.close()

    def _health(self) -> Health:
        record = answers("the record", self._desk.check_record)
        broker = connected(lambda: self._mqtt.connected)
        return Health(self._loop.pulse, broker, record, self._publisher.problem, *self._more_checks)

    def stop(self) -> None:
        """End `run` after the message in work."""
        self._stopping.set()

    def _arrived(self, message: IncomingMessage) -> None:
        """In paho's thread."""
        if not self._inbox.put(message):
            metrics.DROPPED.inc()
            self._loop.say(log.warning, "dropped what a device says of itself: too much of it waits", message)

    def _step(self) -> None:
        if self._loop.turn():
            metrics.CONNECTIONS.inc()
            self._upload.begin()
        self._upload.tick()
        message = self._inbox.get(_IDLE_SECONDS)
        if message is not None and not self._loop.take(message, self._handle):
            metrics.IGNORED.inc()

    def _published(self, result: PublishResult) -> None:
        if self._topic is not None:
            self._topic.published(result)

    def _handle(self, message: IncomingMessage) -> None:
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

    def _take_label(self, device: str, message: IncomingMessage) -> None:
        reply, arrived = messages.decode(message.payload, EncryptedScores), time.time()
        if reply.key_set != self._key_set.fingerprint:
            log.debug("a label for another key set", device=device, key_set=reply.key_set[:12])
            return
        if message.topic != topics.labels(device, reply.job):
            raise WireError(f"the label says job {reply.job!r}; its topic says otherwise")
        recorded = self._desk.take(device, reply, arrived)
        self._mqtt.publish(topics.receipts(device, reply.job), messages.encode(recorded.receipt))
        metrics.RECEIPTS.inc()
        log.debug("recorded", device=device, job=reply.job)
        for check in recorded.checks:
            if check.wrong:
                metrics.ALARMS.inc()
                log.error("alarm", **msgspec.structs.asdict(check))
                for output in self._outputs:
                    output.alarm(check)
        self._publisher.wake()
        for output in self._outputs:
            if recorded.labels or recorded.checks:  # else it was recorded before
                output.burst(device, reply, recorded.receipt)
            for label in recorded.labels:
                output.label(label)
            for reading in recorded.readings:
                output.reading(reading)

    def _take_error(self, device: str, reply: ErrorReply) -> None:
        log.debug("no label", device=device, job=reply.job, reason=reply.reason)
        for output in self._outputs:
            output.refused(device, reply)
        # It may be about a key set that isn't ours; but to ask the bridge now and again whether it has ours is cheap.
        now = time.monotonic()
        if reply.reason == "unknown-key" and self._upload.ready and now - self._asked_at >= _ASK_INTERVAL:
            self._asked_at = now
            self._upload.begin()

    def _take_status(self, device: str, payload: bytes) -> None:
        status = decode_status(payload)
        if status.key_set == self._key_set.fingerprint:
            self._publisher.device_status(device, status.state == "online")
            for output in self._outputs:
                output.status(device, status)

    def _publish_chunk(self, topic: str, chunk: KeyChunk) -> None:
        self._mqtt.publish(topic, messages.encode(chunk))


@contextmanager
def open_record(settings: ReadingSettings) -> Iterator[Record]:
    """The record in the console's folder, which is made if it is missing, for this console alone.

    Raises `RecordError`, and `ConfigurationError` where another console uses the folder.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    with only_user(settings.state, "console"):
        record = Record(settings.state / FILE, settings.targets())
        try:
            yield record
        finally:
            record.close()


def make_console(
    settings: ReadingSettings,
    preparation: Preparation,
    record: Record,
    outputs: Sequence[Output],
    history: History | None = None,
    checks: Sequence[Check] = (),
) -> Console:
    """A console that is ready to run; it keeps a history where it is given one. `checks` are part of its health."""
    key_set, times_key = preparation.key_set, preparation.times_key
    desk = LabelDesk(
        preparation.readers,
        record,
        settings.label_only,
        preparation.known,
        times_key,
        preparation.meters,
        preparation.groups,
    )
    if times_key is None:
        log.warning("labels have no capture times: the key set is of an earlier version; a new one has a key for them")
    return Console(settings, key_set, desk, record, outputs, preparation.meters, preparation.groups, history, checks)
