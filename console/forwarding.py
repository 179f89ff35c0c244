"""How plain labels are forwarded to a topic or a program: the label alone, never scores nor their lead.

Each label is forwarded at least once. It is recorded as one that is still to be forwarded, until the program has
ended with 0 or the broker has acknowledged it. A console that dies in between forwards it again; the receiver knows
a repeated label by its device, job and counter. Labels are forwarded in the order of their record. One that
can't be forwarded keeps back those behind it, and is tried again after pauses that grow. Nothing else waits
for that.
"""

import os
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from common.errors import BlindsightError, BrokerError, ConfigurationError
from common.logs import get_logger
from common.service.settings_errors import PREFIX
from common.wire.connection import MqttConnection, PublishResult
from console import metrics
from console.outputs import QuietOutput
from console.record.record import FrameLabel, Record, Target

#: Seconds between two attempts to forward a label: at first, and at most. Each pause is twice the one before.
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 300.0
#: Seconds without success, although labels wait, after which the console's health has a problem.
_STILL_SECONDS = 60.0
#: Seconds for one run of the program, at most.
_RUN_SECONDS = 30.0
#: Seconds for the broker's acknowledgements, at most.
_PUBLISH_SECONDS = 30.0
#: Seconds that `close` waits for the labels under way, at most.
_CLOSE_SECONDS = 5.0
#: The advice about a topic that the broker refuses.
_ALLOWED = "its rules allow blindsight/v1/console/plain/… and what you add in acl.d/"

log = get_logger(__name__)


def plain(label: FrameLabel) -> bytes:
    """A label as JSON, without its lead."""
    return msgspec.json.encode(msgspec.structs.replace(label, lead=None))


class Way(Protocol):
    """A way for labels to get to a target."""

    target: Target
    #: Labels that are sent at once, at most.
    batch: int

    def send(self, labels: Sequence[FrameLabel]) -> None:
        """Forward labels; when this returns, they arrived. Raises `BlindsightError` when one may not have."""

    def cancel(self) -> None:
        """End what `send` does in another thread."""


class Forwarder(QuietOutput):
    """Forwards the labels that the record still has for a target, in a thread of its own."""

    def __init__(self, record: Record, way: Way) -> None:
        self._record, self._way = record, way
        self._new, self._stopping = threading.Event(), threading.Event()
        self._failing_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"forward-{way.target}", daemon=True)
        self._thread.start()

    def label(self, label: FrameLabel) -> None:
        """Look at the record, since a label was recorded."""
        self._new.set()

    def problem(self) -> str | None:
        """The check of health: what is wrong, if anything is."""
        since = self._failing_since
        if since is None or time.monotonic() - since < _STILL_SECONDS:
            return None
        return f"no label could be forwarded to the {self._way.target} for {time.monotonic() - since:.0f} s"

    def close(self) -> None:
        """Give the labels under way a few seconds. Others are forwarded when the console is started again."""
        self._stopping.set()
        self._new.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            log.warning("a label isn't forwarded yet; it will be at the next start", to=self._way.target)
            self._way.cancel()

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._new.clear()
            try:
                waits = self._forward()
            except BlindsightError as error:
                self._failed(str(error), pause)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LAST_PAUSE)
                continue
            pause, self._failing_since = _FIRST_PAUSE, None
            if not waits:
                self._new.wait()

    def _forward(self) -> bool:
        """Forward the first labels that wait; returns whether there were any."""
        first = self._record.unforwarded(self._way.target, self._way.batch)
        if first:
            self._way.send([each.label for each in first])
            self._record.forwarded(each.number for each in first)
            metrics.FORWARDED.labels(self._way.target).inc(len(first))
        return bool(first)

    def _failed(self, reason: str, pause: float) -> None:
        if self._stopping.is_set():
            return
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        metrics.FORWARD_FAILURES.labels(self._way.target).inc()
        log.warning("labels can't be forwarded; trying again", to=self._way.target, reason=reason, again_in_s=pause)


class TopicWay:
    """Publishes each label on one topic of the console's broker.

    The site has to trust that broker, which can read the labels. It could also put ciphertexts of its own in the
    place of the encrypted labels, and learn about the secret key from their decryptions.
    """

    target: Target = "topic"
    batch = 100

    def __init__(self, topic: str, connection: MqttConnection) -> None:
        self._topic, self._mqtt = topic, connection
        self._refused: set[int] = set()

    def published(self, result: PublishResult) -> None:
        """In paho's thread, before paho counts a message as published: take the broker's answer to it."""
        if result.refused:
            self._refused.add(result.mid)

    def send(self, labels: Sequence[FrameLabel]) -> None:
        """Publish labels, and wait for the broker's acknowledgements. Raises `BrokerError`."""
        if not self._mqtt.connected:  # paho would keep each attempt's messages until it is connected
            raise BrokerError("the MQTT broker isn't connected")
        self._refused.clear()
        until = time.monotonic() + _PUBLISH_SECONDS
        try:
            infos = [self._mqtt.publish(self._topic, plain(label)) for label in labels]
            for each in infos:
                each.wait_for_publish(max(until - time.monotonic(), 0.0))
        except (RuntimeError, ValueError) as error:
            raise BrokerError(f"a label couldn't be published: {error}") from error
        if not all(each.is_published() for each in infos):
            raise BrokerError(f"the broker didn't acknowledge a label within {_PUBLISH_SECONDS:g} s")
        if any(each.mid in self._refused for each in infos):
            raise BrokerError(f"the broker refuses labels on forward_topic {self._topic!r}; {_ALLOWED}")

    def cancel(self) -> None:
        """Nothing to end: the thread that waits ends with the process."""


class CommandWay:
    """Runs a program for each label, without a shell, with the label on its standard input.

    Raises `ConfigurationError` when there is no such program.
    """

    target: Target = "command"
    batch = 1

    def __init__(self, command: str) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(f"forward_command is {command!r}, which can't be read: {error}") from error
        if not self._command or shutil.which(self._command[0]) is None:
            raise ConfigurationError(f"forward_command is {command!r}, and there is no such program; give its path")
        self._running: subprocess.Popen[bytes] | None = None

    def send(self, labels: Sequence[FrameLabel]) -> None:
        """Run the program for each label, and wait for its end. Raises `BlindsightError` when it fails."""
        for label in labels:
            try:
                self._run(plain(label) + b"\n")
            except (OSError, subprocess.TimeoutExpired) as error:
                raise BlindsightError(f"forward_command failed: {error}") from error

    def cancel(self) -> None:
        """Kill the program."""
        if self._running is not None:
            self._running.kill()

    def _run(self, line: bytes) -> None:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        # Our own settings, a passphrase among them, are none of the program's business.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with subprocess.Popen(self._command, stdin=pipe, stdout=nowhere, stderr=pipe, env=environment) as self._running:
            try:
                _, output = self._running.communicate(line, timeout=_RUN_SECONDS)
            except subprocess.TimeoutExpired:
                self._running.kill()
                raise
        if self._running.returncode != 0:
            stderr = output[-500:].decode(errors="replace").strip()
            raise BlindsightError(f"forward_command ended with {self._running.returncode}: {stderr}")
