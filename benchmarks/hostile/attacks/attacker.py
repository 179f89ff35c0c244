"""A device with valid credentials that keeps to no rule: its connection, its bounds, its frames and uploads.

It is written against the messages on the wire, so that the same attack meets every version of the services.
"""

import argparse
import hashlib
import json
import queue
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from common.ckks.ciphertext import digest_of
from common.errors import WireError
from common.keys.key_set import create_key_set
from common.plan.plan import PlanHead
from common.wire import messages, topics
from common.wire.messages import Burst, ErrorReply, KeyAck, KeyChunk
from edge.encryption import FrameCipher
from models.plans import get_plan

#: Where attacks connect; they take no other address.
LOOPBACK = "127.0.0.1"
#: Seconds that an attack lasts at most, whatever it is told.
MOST_SECONDS = 300.0
#: Bytes of a chunk and chunks under way: those of a device's own uploads.
CHUNK_BYTES, _WINDOW = 512 * 1024, 4
#: Seconds without an acknowledgement after which an upload asks again.
_PATIENCE = 3.0
#: Messages that the broker hasn't acknowledged yet: more aren't published, lest the attacker's own memory fill.
_MOST_UNACKNOWLEDGED = 200


@dataclass(frozen=True)
class Options:
    """Whose credentials, where, and for how long."""

    port: int
    user: str
    password_file: Path
    seconds: float


def parse_options(about: str | None, arguments: list[str] | None = None) -> Options:
    """The options that every attack has; the command line's where none are given."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, required=True, help=f"MQTT port for devices, on {LOOPBACK}")
    parser.add_argument("--user", required=True, help="device id")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30.0, help=f"how long, at most {MOST_SECONDS:g}")
    given = parser.parse_args(arguments)
    return Options(given.port, given.user, given.password_file, min(given.seconds, MOST_SECONDS))


class Attacker:
    """Connects as a context manager; its end prints what was counted, as a line of JSON."""

    def __init__(self, options: Options) -> None:
        self.user = options.user
        self.counts: Counter[str] = Counter()
        self.acks: queue.SimpleQueue[KeyAck] = queue.SimpleQueue()
        self._port, self._seconds = options.port, options.seconds
        self._ends = time.monotonic() + options.seconds
        self._unacknowledged = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, options.user, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(options.user, options.password_file.read_text().strip())
        self._client.max_inflight_messages_set(_MOST_UNACKNOWLEDGED)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect, self._client.on_message = self._connected, self._arrived
        self._client.on_publish = self._published

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        print(json.dumps(self.counts), flush=True)

    def begin(self) -> None:
        """Say that the attack proper begins, and count its time from here."""
        self._ends = time.monotonic() + self._seconds
        print("attacking", flush=True)

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._ends

    def pace(self, per_second: float) -> Iterator[int]:
        """0, 1, 2, … at this rate, while there is time left."""
        start, number = time.monotonic(), 0
        while self.goes_on:
            yield number
            number += 1
            time.sleep(max(start + number / per_second - time.monotonic(), 0))

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish with QoS 1, whatever was answered so far."""
        if self._unacknowledged >= _MOST_UNACKNOWLEDGED:
            self.counts["held back by the broker"] += 1
            return
        self._unacknowledged += 1
        self.counts["published"] += 1
        self._client.publish(topic, payload, qos=1, retain=retain)

    def send_frame(self, counter: int, key_set: str, plan: str, ciphertext: bytes) -> None:
        """A frame of this capture counter: by it equal ciphertexts are jobs of their own."""
        frame = frame_of(self.user, counter, key_set, plan, ciphertext)
        self.publish(topics.frames(self.user, frame.job), messages.encode(frame))

    def upload(self, fingerprint: str, total: int, sha256: str, piece: Callable[[int, int], bytes]) -> KeyAck | None:
        """Upload keys, of which `piece(start, end)` has the bytes; the bridge's last word, None when time is over."""
        sent, acknowledged = 0, 0
        self._send_chunk(fingerprint, 0, KeyChunk(1, total, sha256, b""))
        while self.goes_on:
            try:
                ack = self.acks.get(timeout=_PATIENCE)
            except queue.Empty:
                sent = acknowledged
                self._send_chunk(fingerprint, 0, KeyChunk(1, total, sha256, b""))
                continue
            if ack.fingerprint != fingerprint:
                continue
            if ack.complete or ack.error is not None:
                self.counts["uploads complete" if ack.complete else "uploads refused"] += 1
                return ack
            acknowledged = ack.received
            sent = max(sent, acknowledged)
            while sent < min(total, acknowledged + _WINDOW * CHUNK_BYTES):
                data = piece(sent, min(sent + CHUNK_BYTES, total))
                self._send_chunk(fingerprint, sent, KeyChunk(1, total, sha256, data))
                sent += len(data)
        return None

    def upload_bytes(self, fingerprint: str, data: bytes) -> KeyAck | None:
        """Upload keys that are in memory."""
        sha256 = hashlib.sha256(data).hexdigest()
        return self.upload(fingerprint, len(data), sha256, lambda start, end: data[start:end])

    def _send_chunk(self, fingerprint: str, offset: int, chunk: KeyChunk) -> None:
        self.publish(topics.keys(self.user, fingerprint, offset), messages.encode(chunk))

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        self.counts["connections"] += 1
        for kind in ("keys-ack", "errors", "labels"):
            client.subscribe(f"{topics.ROOT}/{self.user}/{kind}/+", qos=1)

    def _published(self, _client: mqtt.Client, _data: object, _mid: int, reason: Any, *_: object) -> None:
        self._unacknowledged -= 1
        if reason.is_failure:
            self.counts["denied by the broker"] += 1

    def _arrived(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        kind, payload = topics.parse_any(message.topic).kind, bytes(message.payload)
        try:
            if kind == "keys-ack":
                self.acks.put(messages.decode(payload, KeyAck))
            elif kind == "errors":
                self.counts[messages.decode(payload, ErrorReply).reason] += 1
            else:
                self.counts[kind] += 1
        except WireError:  # what it retained on its own topics
            self.counts["unreadable"] += 1


@dataclass(frozen=True)
class Material:
    """What a device of the fleet has: a plan, evaluation keys for it, and a frame that they evaluate."""

    head: PlanHead
    fingerprint: str
    evaluation_keys: bytes
    ciphertext: bytes


def make_material() -> Material:
    """A key set for `digits`, and a black frame under it."""
    head = get_plan("digits", 128).head
    with tempfile.TemporaryDirectory(prefix="blindsight-attack-") as folder:
        key_set = create_key_set(head, Path(folder) / "keys")
        frame = np.zeros((1, *head.frame_shape), dtype=np.uint8)
        ciphertext = FrameCipher(head, key_set).encrypt(frame).ciphertext
        return Material(head, key_set.fingerprint, key_set.evaluation_keys(), ciphertext)


def frame_of(device: str, counter: int, key_set: str, plan: str, ciphertext: bytes) -> Burst:
    """A frame as a device sends it."""
    return Burst(1, device, f"{counter:08d}-{digest_of(ciphertext)}", key_set, plan, time.time(), ciphertext)
