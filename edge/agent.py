"""The device agent: what is in the outbox goes out until its label comes back.

The label is the acknowledgement. Everything between may fail: an entry that isn't answered in
time is sent again under the same job id, and leaves the outbox only with its label, or parked
with the reason why there will be none.
"""

import queue
import random
import secrets
import threading
import time
from collections.abc import Callable
from typing import Literal

import structlog

from common import messages, topics
from common.errors import BrokerError, WireError
from common.health import Heartbeat
from common.messages import ErrorReply, Frame, KeyAck, KeyChunk, Label, Status
from common.mqtt import MqttConnection, Received, Will
from edge.capture import Capture
from edge.encryption import FrameCipher
from edge.outbox import Answer, Outbox, Pending
from edge.results import Result, ResultFile
from edge.settings import DeviceSettings
from edge.upload import KeyUpload

#: Frames sent and not yet answered, at most, under each policy.
_WINDOW = {"all": 8, "latest": 2}
_MAX_BACKOFF = 300.0
_STATUS_INTERVAL = 5.0
_IDLE_WAIT = 0.5

log = structlog.get_logger()


class Agent:
    """One device's loop between outbox and broker. All state changes happen in `run`'s thread."""

    def __init__(
        self,
        settings: DeviceSettings,
        device: str,
        cipher: FrameCipher,
        outbox: Outbox,
        capture_with: Callable[..., Capture],
    ) -> None:
        self._settings, self._device, self._cipher, self._outbox = settings, device, cipher, outbox
        self._inbox: queue.Queue[Received | None] = queue.Queue()  # None: look at the outbox
        self._stopping = threading.Event()
        self._instance, self._status_returned = secrets.token_hex(8), False
        self._capture = capture_with(accepted=lambda: self._inbox.put(None))
        self._results = ResultFile(settings.results) if settings.results else None
        # A new outbox counts from zero again, whatever an older one had written.
        fresh = outbox.counts().accepted == 0
        self._emitted = -1 if self._results is None or fresh else self._results.last_counter
        self._status_at, self._status = 0.0, b""
        self._reconnected = threading.Event()
        self._mqtt = MqttConnection(
            settings,
            device,
            on_message=self._inbox.put,
            on_connect=self._reconnected.set,
            subscriptions=(
                topics.labels(device, "+"),
                topics.errors(device, "+"),
                topics.keys_ack(device, "+"),
                topics.status(device),
            ),
            will=Will(topics.status(device), self._encode_status("offline")),
        )
        self._upload = KeyUpload(device, cipher.key_set, self._publish_chunk)

    def run(self) -> None:
        """Work until `stop`, or until all is answered if so set.

        Raises `BrokerError` when the broker refuses the device, another one has its id, or the
        bridge refuses its keys.
        """
        self._mqtt.connect()
        log.info("started", device=self._device, model=self._cipher.head.model, plan=self._cipher.head.hash[:12])
        self._capture.start()
        try:
            with Heartbeat(self._settings.health_file, lambda: self._mqtt.connected):
                while not self._stopping.is_set() and not self._finished():
                    self._step()
        finally:
            self._capture.stop()
            self._say_offline()
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
        self._mqtt.check()
        if self._reconnected.is_set():
            self._reconnected.clear()
            self._status_at, self._status = 0.0, b""
            self._upload.begin()
        self._upload.tick()
        if self._upload.refused is not None:
            raise BrokerError(f"the bridge refuses the evaluation keys: {self._upload.refused}")
        self._receive()
        self._send_due()
        self._publish_status()

    def _receive(self) -> None:
        """Handle what has arrived; waits for the first message until something may be due."""
        wait = _IDLE_WAIT
        while True:
            try:
                message = self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
            except queue.Empty:
                return
            wait = 0
            if message is not None:
                try:
                    self._handle(message)
                except WireError as error:
                    log.warning("ignored a message", topic=message.topic, reason=str(error))
                self._mqtt.acknowledge(message)

    def _handle(self, message: Received) -> None:
        kind = message.topic.split("/")[3]
        if kind == "labels":
            self._take_label(messages.decode(message.payload, Label), len(message.payload))
        elif kind == "errors":
            self._take_error(messages.decode(message.payload, ErrorReply))
        elif kind == "keys-ack":
            self._upload.acknowledged(messages.decode(message.payload, KeyAck))
        elif kind == "status":
            self._take_status(messages.decode_status(message.payload))

    def _take_label(self, label: Label, size: int) -> None:
        arrived = time.time()
        pending = self._outbox.get(label.job)
        if pending is None:
            log.debug("a label came again", job=label.job)
            return
        start = time.perf_counter()
        decided = self._cipher.decide(label.ciphertext)
        decrypt_ms = (time.perf_counter() - start) * 1000
        result = self._result(pending, label, decided, arrived, decrypt_ms, size)
        if self._outbox.answer(label.job, decided, time.time(), messages.encode(result)):
            log.info("label", job=label.job, source=pending.source, label=result.label, ms=round(result.latency_ms))
            self._emit()

    def _result(
        self, pending: Pending, label: Label, decided: int, arrived: float, decrypt_ms: float, size: int
    ) -> Result:
        sent = pending.first_sent_at if pending.first_sent_at is not None else label.received_at
        stages = {
            "encrypt": pending.encrypt_ms,
            "uplink": (label.received_at - sent) * 1000,
            "queue": (label.started_at - label.received_at) * 1000,
            "evaluate": (label.finished_at - label.started_at) * 1000,
            "downlink": (arrived - label.finished_at) * 1000,
            "decrypt": decrypt_ms,
        }
        return Result(
            device=self._device,
            job=pending.job,
            counter=pending.counter,
            source=pending.source,
            label=self._cipher.head.labels[decided],
            captured_at=pending.captured_at,
            latency_ms=(time.time() - pending.captured_at) * 1000,
            stages_ms=stages,
            uplink_bytes=len(pending.ciphertext),
            downlink_bytes=size,
            attempts=pending.attempts,
        )

    def _emit(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked."""
        if self._results is None:
            return
        waiting = self._outbox.oldest_pending()
        answers: list[Answer] = self._outbox.answers(after_counter=self._emitted)
        for answer in answers:
            if waiting is not None and answer.counter > waiting:
                return
            self._results.write(messages.decode(answer.details, Result))
            self._emitted = answer.counter

    def _take_error(self, reply: ErrorReply) -> None:
        pending = self._outbox.get(reply.job)
        if pending is None:
            return
        log.warning(
            "no label yet" if reply.retry else "parked",
            job=reply.job,
            reason=reply.reason,
            detail=reply.detail,
        )
        if not reply.retry:
            self._outbox.park(reply.job, reply.reason, reply.detail, time.time())
            self._emit()
            return
        if reply.reason == "unknown-key":
            if self._upload.ready:
                self._upload.begin()
            self._outbox.defer(reply.job, time.time())
        else:
            self._outbox.defer(reply.job, time.time() + self._backoff(pending.attempts))

    def _take_status(self, status: Status) -> None:
        """Our own status comes back; another's after it is that of a second device of our id.

        Mosquitto 2.0 cuts the earlier of two connections without a word, and each would
        reconnect and cut the other for ever. An earlier run's status or will comes before ours.
        """
        if status.instance == self._instance:
            self._status_returned = True
        elif self._status_returned:
            raise BrokerError(f"another device is online as {self._device!r}; give each device its own id")

    def _send_due(self) -> None:
        if not (self._mqtt.connected and self._upload.ready):
            return
        now = time.time()
        room = _WINDOW[self._settings.policy] - self._outbox.in_flight(now)
        for pending in self._outbox.due(now, max(room, 0)):
            if now - pending.captured_at > self._settings.deadline:
                self._outbox.park(pending.job, "deadline", f"no label within {self._settings.deadline:g} s", now)
                self._emit()
                continue
            self._send(pending)

    def _send(self, pending: Pending) -> None:
        now = time.time()
        frame = Frame(1, self._device, pending.job, pending.key_set, pending.plan, now, pending.ciphertext)
        topic = topics.frames(self._device, pending.job)
        again = self._backoff(pending.attempts)
        self._outbox.sent(pending.job, now, now + again)  # first: under `latest`, unsent frames may be dropped
        try:
            self._mqtt.publish(
                topic, messages.encode(frame), expiry=int(again) + 1, key=pending.key_set, plan=pending.plan
            )
        except BrokerError as error:  # larger than the broker takes: sending it again can't help
            self._outbox.park(pending.job, "oversized", str(error), now)
            log.error("parked", job=pending.job, reason=str(error))

    def _backoff(self, attempts: int) -> float:
        """Seconds until a frame is sent again: doubling, with jitter so that devices spread out."""
        seconds: float = min(self._settings.retry_after * 2**attempts, _MAX_BACKOFF)
        return seconds * random.uniform(0.8, 1.2)

    def _publish_chunk(self, topic: str, chunk: KeyChunk) -> None:
        self._mqtt.publish(topic, messages.encode(chunk))

    def _publish_status(self) -> None:
        if not self._mqtt.connected or time.monotonic() - self._status_at < _STATUS_INTERVAL:
            return
        status = self._encode_status("online")
        self._status_at = time.monotonic()
        if status != self._status:
            self._mqtt.publish(topics.status(self._device), status, retain=True)
            self._status = status

    def _say_offline(self) -> None:
        try:
            self._mqtt.publish_confirmed(topics.status(self._device), self._encode_status("offline"), 2.0, retain=True)
        except BrokerError:
            log.debug("the broker is gone; its own last will says offline")
        self._mqtt.close()

    def _encode_status(self, state: Literal["online", "offline"]) -> bytes:
        counts = self._outbox.counts()
        return messages.encode_status(
            Status(
                state=state,
                instance=self._instance,
                model=self._cipher.head.model,
                plan=self._cipher.head.hash,
                key_set=self._cipher.key_set.fingerprint,
                accepted=counts.accepted,
                answered=counts.answered,
                parked=counts.parked,
                pending=counts.pending,
            )
        )
