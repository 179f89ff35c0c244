"""Frames that share a ciphertext, encrypted, as an entry of the outbox; and those that a program hands over itself."""

import threading
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from common.logs import get_logger
from edge import clock
from edge.camera.pulse import CameraPulse
from edge.encryption import FrameCipher
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame

log = get_logger(__name__)


def make_entry(
    cipher: FrameCipher, outbox: Outbox, frames: NDArray[np.uint8], captured: Sequence[CapturedFrame]
) -> Entry:
    """Encrypt frames (n, h, w, c), of which `captured` tells the rest. Raises `FrameError` when they don't fit."""
    encrypted = cipher.encrypt(frames)
    counter = outbox.next_counter(len(frames))
    return Entry(
        job=f"{counter:08d}-{encrypted.digest}",
        counter=counter,
        frames=tuple(captured),
        encrypt_ms=encrypted.ms,
        ciphertext=encrypted.ciphertext,
        key_set=cipher.key_set.fingerprint,
        plan=cipher.head.hash,
    )


class Submissions:
    """The place of a camera where a program hands frames over, from any of its threads."""

    error: Exception | None = None
    pulse: CameraPulse | None = None
    done = False

    def __init__(self, cipher: FrameCipher, outbox: Outbox, latest: bool) -> None:
        self._cipher, self._outbox, self._latest = cipher, outbox, latest
        self._accepted: Callable[[], None] = lambda: None
        self._turn = threading.Lock()

    def waking(self, accepted: Callable[[], None]) -> Self:
        """The same, which calls `accepted` when there is something in the outbox to send."""
        self._accepted = accepted
        return self

    def start(self) -> None:
        """Nothing to do: the program's threads are there."""

    def stop(self) -> None:
        """Nothing to do."""

    def submit(self, frames: NDArray[np.uint8], sources: Sequence[str]) -> Entry:
        """Encrypt frames (n, h, w, c) as one burst, and keep it; when this returns, it is on disk.

        Under `latest` it replaces what hasn't been sent. Raises `FrameError`, `OutboxFullError` or `OutboxError`.
        """
        now = clock.now()
        with self._turn:
            entry = make_entry(self._cipher, self._outbox, frames, [CapturedFrame(each, now) for each in sources])
            if self._latest:
                self._outbox.drop_unsent(keep=0)
            self._outbox.add(entry)
        log.info("accepted", job=entry.job, frames=len(entry.frames))
        self._accepted()
        return entry
