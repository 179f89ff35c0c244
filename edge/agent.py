"""The device agent: what is in the outbox goes out until its label comes back.

The label is the acknowledgement. Everything between may fail: an entry that isn't answered in
time is sent again under the same job id, and leaves the outbox only with its label, or parked
with the reason why there will be none. Under the custody of a site labels go to its console,
and the console's receipt stands for the label: so what the console missed is asked for again.
"""

import queue
import threading
from collections.abc import Callable

import structlog

from common import clock, messages, topics
from common.errors import BrokerError, WireError
from common.health import Health, Progress, Pulse, connected
from common.messages import ErrorReply, Frame, KeyAck, KeyChunk, Reason
from common.metrics import watched
from common.mqtt import MqttConnection, Published, Received
from common.predictions import upload_bytes
from edge import metrics
from edge.answers import AnswerBook
from edge.capture import Capture
from edge.earlier import Readers
from edge.encryption import FrameCipher
from edge.labels import LabelBook
from edge.outbox import Outbox, Pending
from edge.presence import Presence
from edge.receipts import ReceiptBook
from edge.results import ResultFile
from edge.schedule import Schedule
from edge.settings import DeviceSettings
from edge.uploads import Uploads

#: Bursts sent and not yet answered, at most, under each policy.
_WINDOW = {"all": 8, "latest": 2}
#: But no more than so many bytes on their way, except for two bursts, so that the next one travels meanwhile.
_WINDOW_BYTES = 32_000_000
#: Bytes of a frame message besides its ciphertext, generously.
_FRAME_OVERHEAD = 1024
#: Seconds between looks whether a site's console has uploaded the evaluation keys.
_KEYS_WAIT = 2.0
_IDLE_WAIT = 0.5
#: For which frames may be pending while nothing comes or goes, at least: retries are seldom further apart.
_STILL_SECONDS = 120.0
#: Reasons that only a device itself has.
_OWN_REASONS = ("deadline", "oversized")

log = structlog.get_logger()


class Agent:
    """One device's loop between outbox and broker. All state changes happen in `run`'s thread."""

    def __init__(
        self,
        settings: DeviceSettings,
        device: str,
        cipher: FrameCipher,
        readers: Readers,
        outbox: Outbox,
        capture_with: Callable[..., Capture],
    ) -> None:
        self._settings, self._device, self._cipher, self._outbox = settings, device, cipher, outbox
        self._inbox: queue.Queue[Received | Published | None] = queue.Queue()  # None: look at the outbox
        self._stopping = threading.Event()
        self._capture = capture_with(accepted=lambda: self._inbox.put(None))
        self._results = ResultFile(settings.results) if settings.results else None
        self._answers = AnswerBook(outbox, self._results)
        self._replies: LabelBook | ReceiptBook = ReceiptBook(device, outbox, self._answers)
        if readers:  # the labels are ours to read; without, our site's console has the key set
            self._replies = LabelBook(device, readers, outbox, self._answers)
        key_sets = {reader.key_set.fingerprint: reader.key_set for reader in readers.values()}
        self._uploads = Uploads(device, list(key_sets.values()), self._publish_chunk)
        self._presence = Presence(device, cipher.head, cipher.key_set.fingerprint, outbox)
        self._burst_bytes = upload_bytes(cipher.head)
        window = min(_WINDOW[settings.policy], max(_WINDOW_BYTES // self._burst_bytes, 2))
        self._schedule = Schedule(window, settings.retry_after)
        self._publishing: dict[int, str] = {}  # the job of each frame that the broker doesn't have yet
        self._returning = False
        self._reconnected = threading.Event()
        self._mqtt = MqttConnection(
            settings,
            device,
            on_message=self._inbox.put,
            on_connect=self._reconnected.set,
            on_published=self._inbox.put,
            subscriptions=(
                f"{topics.ROOT}/{device}/{self._replies.kind}/+",
                topics.errors(device, "+"),
                topics.keys_ack(device, "+"),
                topics.status(device),
            ),
            will=self._presence.will(),
            forget_unsent=True,
        )
        self._pulse, self._moved = Pulse(), 0  # messages that came or went
        self._health = self._make_health()
        metrics.REGISTRY.register(metrics.OutboxMetrics(outbox))

    def _make_health(self) -> Health:
        """Well while the loop turns, and what is pending is sent, answered or refused now and again."""

        def waits() -> bool:
            return self._outbox.oldest_captured_at() is not None

        limit = max(_STILL_SECONDS, 3 * self._settings.retry_after)
        moves = Progress("frames are pending, and none was sent or answered", waits, lambda: self._moved, limit)
        return Health(self._pulse, connected(lambda: self._mqtt.connected), moves)

    def run(self) -> None:
        """Work until `stop`, or until all is answered if so set.

        Raises `BrokerError` when the broker refuses the device or takes no message as large as a
        burst, another device has its id, or the bridge refuses its keys.
        """
        self._mqtt.connect()
        self._returning = not self._mqtt.connected or self._outbox.counts().pending > 0  # as others may be
        self._check_burst_fits()  # before any frame is accepted
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
        self._answers.write_out()  # what a crash left between record and file
        self._capture.start()
        try:
            with watched(self._settings, self._health, metrics.REGISTRY):
                while not self._stopping.is_set() and not self._finished():
                    self._step()
        finally:
            self._capture.stop()
            self._presence.say_goodbye(self._mqtt)
            self._mqtt.close()
            if self._results is not None:
                self._results.close()

    def stop(self) -> None:
        """End `run`; what is unanswered stays in the outbox."""
        self._stopping.set()
        self._inbox.put(None)

    def _finished(self) -> bool:
        if self._capture.error is not None:
            raise self._capture.error
        return self._settings.exit_when_done and self._capture.done and self._outbox.counts().pending == 0

    def _step(self) -> None:
        self._pulse.beat()
        self._mqtt.check()
        if self._reconnected.is_set():
            self._reconnected.clear()
            metrics.CONNECTIONS.inc()
            self._check_burst_fits()
            self._presence.renew()
            self._begin_anew()
            self._uploads.begin()
        self._uploads.tick()
        self._receive()
        self._send_due()
        self._presence.publish(self._mqtt)

    def _begin_anew(self) -> None:
        """After a connection: the broker may have lost what was sent, and the clock of an earlier run isn't ours."""
        self._outbox.all_due()
        self._publishing.clear()
        if self._returning:
            self._schedule.returned(clock.now())
        self._returning = True

    def _check_burst_fits(self) -> None:
        """Raise `BrokerError` unless the broker, once it was reached, takes a message as large as a burst."""
        most = self._mqtt.largest_payload
        if most is not None and self._burst_bytes + _FRAME_OVERHEAD > most:
            frames = self._cipher.head.frames_per_ciphertext
            raise BrokerError(
                f"a burst has {self._burst_bytes:,} bytes (frames in a ciphertext: {frames}), and the broker takes "
                f"messages of up to {most:,}; compile the plan with fewer --frames-per-ciphertext, or raise the "
                "broker's max_packet_size"
            )

    def _receive(self) -> None:
        """Handle what has arrived; waits for the first message until something may be due."""
        wait = _IDLE_WAIT
        while True:
            try:
                message = self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
            except queue.Empty:
                return
            wait = 0
            if isinstance(message, Published):
                self._take_published(message)
            elif message is not None:
                try:
                    self._handle(message)
                except WireError as error:
                    log.warning("ignored a message", topic=message.topic, reason=str(error))
                self._mqtt.acknowledge(message)

    def _handle(self, message: Received) -> None:
        self._moved += 1
        kind = message.topic.split("/")[3]
        if kind == self._replies.kind:
            self._replies.take(message.payload)
            job = message.topic.split("/")[4]
            if self._outbox.get(job) is None:
                self._schedule.answered(job)
        elif kind == "errors":
            self._take_error(messages.decode(message.payload, ErrorReply))
        elif kind == "keys-ack":
            self._uploads.acknowledged(messages.decode(message.payload, KeyAck))
        elif kind == "status":
            self._presence.take(messages.decode_status(message.payload))

    def _take_error(self, reply: ErrorReply) -> None:
        pending = self._outbox.get(reply.job)
        if pending is None or reply.reason in _OWN_REASONS:  # our own word comes back to us
            return
        metrics.REFUSED.labels(reply.reason).inc()
        log.warning(
            "no label yet" if reply.retry else "parked",
            job=reply.job,
            reason=reply.reason,
            detail=reply.detail,
        )
        if not reply.retry:
            self._park(reply.job, reply.reason, reply.detail)
            return
        due = self._schedule.refused(reply, clock.now())
        if reply.reason == "unknown-key" and self._uploads.again(pending.key_set):
            due = 0.0
        elif reply.reason == "unknown-key":  # the site's console, which hears of it too, uploads them
            due = self._schedule.pause(clock.now(), _KEYS_WAIT)
        elif reply.reason == "unknown-plan":  # its other bursts would be refused as well
            self._outbox.defer_plan(pending.plan, due)
        self._outbox.defer(reply.job, due)

    def _take_published(self, published: Published) -> None:
        """What the broker had nobody to give to is sent again soon: a bridge may be starting."""
        job = self._publishing.pop(published.mid, None)
        if job is not None and not published.heard:
            log.warning("no bridge is there; sending again soon", job=job)
            self._outbox.defer(job, self._schedule.unheard(job, clock.now()))

    def _park(self, job: str, reason: str, detail: str) -> None:
        self._outbox.park(job, reason, detail, clock.now())
        self._schedule.ended(job)
        self._answers.write_out()

    def _send_due(self) -> None:
        if not self._mqtt.connected or not self._uploads.ready(self._cipher.key_set.fingerprint):
            return
        now = clock.now()
        for pending in self._outbox.due(now, self._schedule.room(now)):
            since = pending.waits_since
            if since is not None and now - since > self._settings.deadline:
                self._give_up(pending.job, "deadline", f"no label within {self._settings.deadline:g} s")
            elif self._uploads.ready(pending.key_set):
                self._send(pending)

    def _send(self, pending: Pending) -> None:
        now = clock.now()
        self._moved += 1
        metrics.sent(pending)
        log.info("sent again" if pending.attempts else "sent", job=pending.job, frames=len(pending.frames))
        frame = Frame(
            version=1,
            device=self._device,
            job=pending.job,
            key_set=pending.key_set,
            plan=pending.plan,
            published_at=now,
            ciphertext=pending.ciphertext,
            frames=len(pending.frames),
            custody=self._settings.custody,
        )
        topic = topics.frames(self._device, pending.job)
        due = self._schedule.sent(pending.job, now)
        self._outbox.sent(pending.job, now, due)  # first: under `latest`, unsent frames may be dropped
        expiry = int(due - now) + 1  # then it comes again
        try:
            sent = self._mqtt.publish(
                topic, messages.encode(frame), expiry=expiry, key=pending.key_set, plan=pending.plan
            )
        except BrokerError as error:  # larger than the broker takes: sending it again can't help
            self._give_up(pending.job, "oversized", str(error))
        else:
            self._publishing[sent.mid] = pending.job

    def _give_up(self, job: str, reason: Reason, detail: str) -> None:
        """Park an entry for a reason of our own, and say so where others' reasons are told."""
        self._park(job, reason, detail)
        log.error("parked", job=job, reason=reason, detail=detail)
        self._mqtt.publish(topics.errors(self._device, job), messages.encode(ErrorReply(1, job, reason, detail)))

    def _publish_chunk(self, topic: str, chunk: KeyChunk) -> None:
        self._mqtt.publish(topic, messages.encode(chunk))
