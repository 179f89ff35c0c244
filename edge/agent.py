"""The device agent: it sends the bursts in the outbox until their labels come back.

The labels are the acknowledgement: an entry leaves the outbox when they come, or is parked with the reason
why there will be none (`edge.sending`). Under the custody of a site the labels go to its console,
and the console's receipt stands for them: so a burst whose labels the console missed is sent again.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence

from common.errors import BrokerError
from common.history.history import History
from common.history.way import HistoryWay
from common.logs import get_logger
from common.plan.predictions import upload_bytes
from common.publishing.publisher import Publisher
from common.publishing.ways.functions import Functions
from common.readings.meters import Meters
from common.readings.reading import Reading
from common.service.health import Check, Health, Progress, connected
from common.service.metrics import watched
from common.wire import messages, topics
from common.wire.connection import MqttConnection, PublishResult
from common.wire.incoming import IncomingMessage
from common.wire.messages import ErrorReply, KeyAck, KeyChunk, sealed_size
from common.wire.service_loop import ServiceLoop
from common.wire.status import decode_status
from edge.camera.capture import FrameSource
from edge.encryption import FrameCipher
from edge.key_uploads import Uploads
from edge.labels.answers import AnswerBook
from edge.labels.decryption import LabelBook
from edge.labels.earlier import Readers
from edge.labels.receipts import ReceiptBook
from edge.labels.results import Sink
from edge.metrics import CameraMetrics, DeviceMetrics, OutboxMetrics
from edge.outbox.outbox import Outbox
from edge.presence import Presence
from edge.sending import Sender
from edge.settings import AgentSettings
from edge.watcher import NO_ONLOOKERS, Onlookers

#: Bytes of a burst's message besides its ciphertext and its sealed capture times; it has fewer.
_BURST_OVERHEAD = 1024
#: Seconds that a turn of the loop waits for a message, at most.
_IDLE_SECONDS = 0.5
#: Seconds after which a device isn't well whose frames are pending while nothing comes or goes. It has three times
#: `retry_after`, where that is longer.
_STILL_SECONDS = 120.0

log = get_logger(__name__)


class Agent:
    """One device's loop between outbox and broker. All state changes happen in `run`'s thread.

    With a `history` it feeds that, too.
    """

    def __init__(
        self,
        settings: AgentSettings,
        device: str,
        cipher: FrameCipher,
        readers: Readers,
        outbox: Outbox,
        capture_with: Callable[..., FrameSource],
        results: Sink | None,
        meters: Meters,
        on_reading: Callable[[Reading], object] | None,
        keeps_frames: bool = False,
        history: History | None = None,
        onlookers: Onlookers = NO_ONLOOKERS,
    ) -> None:
        self._settings, self._device, self._cipher, self._outbox = settings, device, cipher, outbox
        self._inbox: queue.Queue[IncomingMessage | PublishResult | None] = queue.Queue()  # None: look at the outbox
        self._stopping = threading.Event()
        self._capture = capture_with(accepted=lambda: self._inbox.put(None))
        self._metrics = DeviceMetrics()
        self._metrics.registry.register(OutboxMetrics(outbox))
        if self._capture.pulse is not None:
            self._metrics.registry.register(CameraMetrics(self._capture.pulse))
        self._answers = AnswerBook(outbox, results, self._metrics)
        more = [] if history is None else [HistoryWay(history)]
        self._publisher = Publisher(settings, outbox.outgoing, device, self._metrics.forwarding, meters, more)
        self._functions = Functions("the device", outbox.outgoing, None, on_reading)
        self._replies: LabelBook | ReceiptBook = ReceiptBook(device, outbox, self._answers, onlookers.watcher)
        if readers:  # the labels are ours to read; without, our site's console has the key set
            groups = settings.label_groups()
            self._replies = LabelBook(device, readers, outbox, self._answers, meters, groups, onlookers.watcher)
        key_sets = {reader.key_set.fingerprint: reader.key_set for reader in readers.values()}
        self._uploads = Uploads(device, list(key_sets.values()), self._publish_chunk)
        self._presence = Presence(
            device, cipher.head, cipher.key_set.fingerprint, outbox, self._capture.pulse, keeps_frames
        )
        self._burst_bytes = upload_bytes(cipher.head)
        self._returning = False
        self._mqtt = MqttConnection(
            settings,
            device,
            on_message=self._inbox.put,
            on_published=self._inbox.put,
            subscriptions=(
                f"{topics.ROOT}/{device}/{self._replies.kind}/+",
                topics.errors(device, "+"),
                topics.keys_ack(device, "+"),
                topics.status(device),
            ),
            will=self._presence.will(),
            forget_unsent=True,
            yields=False,  # both know by their statuses which of them is the older
        )
        site_keys = cipher.key_set if settings.custody == "site" else None
        self._sender = Sender(
            settings,
            device,
            self._burst_bytes,
            outbox,
            self._answers,
            self._uploads,
            self._mqtt,
            self._metrics,
            site_keys,
            onlookers.watcher,
        )
        self._loop, self._received = ServiceLoop(self._mqtt), 0
        self._health = self._make_health(onlookers.checks)

    def _make_health(self, more: Sequence[Check]) -> Health:
        """The device is well while its loop turns, pending bursts are sent, answered or refused now and again, and its
        camera gives pictures.
        """

        def waits() -> bool:
            return self._outbox.oldest_captured_at() is not None

        def moved() -> int:
            return self._received + self._sender.moved

        limit = max(_STILL_SECONDS, 3 * self._settings.retry_after)
        moves = Progress("frames are pending, and none was sent or answered", waits, moved, limit)
        checks: list[Check] = [self._loop.pulse, connected(lambda: self._mqtt.connected), moves]
        checks += [self._publisher.problem, *more]
        if self._capture.pulse is not None:
            checks.append(self._capture.pulse)
        return Health(*checks)

    def run(self) -> None:
        """Work until `stop`, or until all is answered if so set; close everything at the end, however it comes.

        Raises `BrokerError` when the broker refuses the device or takes no message as large as a
        burst, another device has its id, or the bridge refuses its keys; the `BlindsightError` that
        ended the camera; `OutboxError`; and `ConfigurationError` when metrics can't be served.
        """
        with contextlib.ExitStack() as closing:
            closing.callback(self._mqtt.close)
            closing.callback(self._presence.say_goodbye, self._mqtt)
            closing.callback(self._capture.stop)
            self._mqtt.connect()
            self._returning = not self._mqtt.connected or self._outbox.counts().pending > 0  # so may others
            self._check_burst_fits()  # before any frame is accepted
            self._log_start()
            self._answers.write_out()  # results that a crash or a full disk kept from the file
            self._functions.catch_up()
            closing.callback(self._publisher.close)
            self._publisher.start()
            self._capture.start()
            closing.enter_context(watched(self._settings, self._health, self._metrics.registry))
            while not self._stopping.is_set() and not self._finished():
                self._step()

    def _log_start(self) -> None:
        head = self._cipher.head
        log.info(
            "started",
            device=self._device,
            model=head.model,
            plan=head.hash[:12],
            custody=self._settings.custody,
            frames_per_ciphertext=head.frames_per_ciphertext,
            burst_bytes=self._burst_bytes,
        )

    def stop(self) -> None:
        """End `run`; bursts without an answer stay in the outbox."""
        self._stopping.set()
        self._inbox.put(None)

    @property
    def camera_ended(self) -> bool:
        """Whether no more frames will come by themselves, though nothing is wrong."""
        return self._capture.done and self._capture.error is None

    @property
    def connected(self) -> bool:
        """Whether the broker is there; from any thread."""
        return self._mqtt.connected

    def problems(self) -> list[str]:
        """What is wrong now, as `/health` says it; from any thread."""
        return self._health.problems()

    def _finished(self) -> bool:
        if self._capture.error is not None:
            raise self._capture.error
        return (
            self._settings.exit_when_done
            and self._capture.done
            and self._outbox.counts().pending == 0
            and self._publisher.settled
        )

    def _step(self) -> None:
        if self._loop.turn():
            self._metrics.connected()
            self._check_burst_fits()
            self._presence.renew()
            self._sender.begin_anew(self._returning)
            self._returning = True
            self._uploads.begin()
        self._uploads.tick()
        self._receive()
        self._sender.tick(self._cipher.key_set.fingerprint)
        self._answers.tick()
        self._presence.publish(self._mqtt)

    def _check_burst_fits(self) -> None:
        """Raise `BrokerError` unless the broker, once it was reached, takes a message as large as a burst."""
        most = self._mqtt.largest_payload
        frames = self._cipher.head.frames_per_ciphertext
        if most is not None and self._burst_bytes + sealed_size(frames) + _BURST_OVERHEAD > most:
            raise BrokerError(
                f"a burst has {self._burst_bytes:,} bytes (frames in a ciphertext: {frames}), and the broker takes "
                f"messages of up to {most:,}; compile the plan with fewer --frames-per-ciphertext, or raise the "
                "broker's max_packet_size"
            )

    def _receive(self) -> None:
        """Handle what has arrived; waits for the first message until something may be due."""
        with contextlib.suppress(queue.Empty):
            self._take(self._inbox.get(timeout=_IDLE_SECONDS))
            while True:
                self._take(self._inbox.get_nowait())

    def _take(self, arrived: IncomingMessage | PublishResult | None) -> None:
        if isinstance(arrived, PublishResult):
            self._sender.published(arrived)
        elif arrived is not None:
            self._loop.take(arrived, self._handle)

    def _handle(self, message: IncomingMessage) -> None:
        self._received += 1
        kind = message.topic.split("/")[3]
        if kind == self._replies.kind:
            self._sender.answered(self._replies.take(message.payload))
            self._functions.catch_up()
            self._publisher.wake()
        elif kind == "errors":
            self._sender.refused(messages.decode(message.payload, ErrorReply))
        elif kind == "keys-ack":
            self._uploads.acknowledged(messages.decode(message.payload, KeyAck))
            self._cipher.seeds = self._uploads.takes_seeds(self._cipher.key_set.fingerprint)
        elif kind == "status":
            self._presence.take(decode_status(message.payload))

    def _publish_chunk(self, topic: str, chunk: KeyChunk) -> None:
        self._mqtt.publish(topic, messages.encode(chunk))
