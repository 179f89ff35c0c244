"""Plain labels to a topic or a program: the label alone, never scores nor what is made of them.

Forwarding is a courtesy: the record is what counts. What can't be forwarded is logged, and waits
for nothing.
"""

import os
import queue
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from common.errors import BrokerError, ConfigurationError
from common.settings_errors import PREFIX
from console.outputs import Quiet
from console.record import FrameLabel

#: Labels that wait for the program, at most.
_QUEUE = 1000
#: Seconds for one run of the program, and for what waits when the console ends.
_RUN_SECONDS = 30.0
_CLOSE_SECONDS = 5.0

log = structlog.get_logger()


def plain(label: FrameLabel) -> bytes:
    """A label as JSON, without its lead."""
    return msgspec.json.encode(msgspec.structs.replace(label, lead=None))


class TopicForwarder(Quiet):
    """Publishes each label on one topic of the console's broker.

    Whoever runs that broker reads them. It could also put ciphertexts of its own in the place of labels,
    and learn from their decryptions about the secret key: so it has to be one that the site trusts.
    """

    def __init__(self, topic: str, publish: Callable[[str, bytes], object]) -> None:
        self._topic, self._publish = topic, publish

    def label(self, label: FrameLabel) -> None:
        """Publish a label."""
        try:
            self._publish(self._topic, plain(label))
        except BrokerError as error:
            log.warning("a label isn't forwarded", device=label.device, job=label.job, reason=str(error))


class CommandForwarder(Quiet):
    """Runs a program for each label, one after the other, in a thread of its own and without a shell.

    Raises `ConfigurationError` when there is no such program.
    """

    def __init__(self, command: str) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(f"forward_command is {command!r}, which can't be read: {error}") from error
        if not self._command or shutil.which(self._command[0]) is None:
            raise ConfigurationError(f"forward_command is {command!r}, and there is no such program; give its path")
        self._waiting: queue.Queue[FrameLabel | None] = queue.Queue(_QUEUE)
        self._closing = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._work, name="forward", daemon=True)
        self._thread.start()

    def label(self, label: FrameLabel) -> None:
        """Hand a label to the thread, unless too many wait there."""
        try:
            self._waiting.put_nowait(label)
        except queue.Full:
            log.warning("a label isn't forwarded: too many wait for the command", device=label.device, job=label.job)

    def close(self) -> None:
        """Give what waits a few seconds, then end the program."""
        with suppress(queue.Full):  # the thread is far behind
            self._waiting.put_nowait(None)
        self._thread.join(_CLOSE_SECONDS)
        self._closing.set()
        running = self._running
        if self._thread.is_alive() and running is not None:
            log.warning("labels aren't forwarded any more: the command takes too long")
            running.kill()

    def _work(self) -> None:
        while (label := self._waiting.get()) is not None and not self._closing.is_set():
            try:
                self._run(label)
            except (OSError, subprocess.TimeoutExpired) as error:
                log.warning("forward_command failed", device=label.device, job=label.job, reason=str(error))

    def _run(self, label: FrameLabel) -> None:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        # Our own settings, a passphrase among them, are none of the program's business.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with subprocess.Popen(self._command, stdin=pipe, stdout=nowhere, stderr=pipe, env=environment) as self._running:
            try:
                _, said = self._running.communicate(plain(label) + b"\n", timeout=_RUN_SECONDS)
            except subprocess.TimeoutExpired:
                self._running.kill()
                raise
        if self._running.returncode != 0:
            stderr = said[-500:].decode(errors="replace").strip()
            log.warning("forward_command failed", job=label.job, code=self._running.returncode, stderr=stderr)
