"""The camera's two threads: one takes shots, the other encrypts them in bursts and keeps them.

The gate sees pictures as they were taken; those that it admits become frames as the model takes them. Known answers
take their places here, before encryption, so that from then on they are frames like any. Frames wait in memory until
there are as many as share a ciphertext, until the oldest has waited for `burst_wait`, or until the camera ends. A frame
is accepted once its burst is in the outbox; one that still waits is lost with the process.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import BlindsightError, CallbackError, FrameError, OutboxFullError
from common.keys.known_answers import KnownFrame
from common.logs import get_logger
from common.pictures.marks import NoMarkError
from common.pictures.picture import as_picture
from common.service.repeated import RepeatedLines
from edge import clock
from edge.camera.bursts import make_entry
from edge.camera.cameras import Camera, Shot
from edge.camera.framing import Framing, sources_of
from edge.camera.gate import Gate
from edge.camera.pulse import CameraPulse
from edge.encryption import FrameCipher
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame

#: Seconds between two attempts to put a burst into a full outbox.
_FULL_WAIT = 1.0
#: Seconds that `stop` waits for each thread, at most.
_STOP_WAIT = 5.0
#: Pictures, the first ones of a camera, of which at least one has to fit: else none ever will.
_FIRST_PICTURES = 100

log = get_logger(__name__)


@dataclass(frozen=True)
class _WaitingFrame:
    """A frame (h, w, c) that waits for its burst, at most until `until` (monotonic, s).

    `expected` is a known answer's label.
    """

    frame: NDArray[np.uint8]
    source: str
    captured_at: float
    until: float
    expected: int | None = None


class FrameSource(Protocol):
    """Puts frames into the outbox, in threads of its own or of others.

    `error` is what ended it, if something did.
    """

    error: Exception | None

    @property
    def pulse(self) -> CameraPulse | None:
        """How its camera does; None where it has none."""

    @property
    def done(self) -> bool:
        """Whether no more frames will come."""

    def start(self) -> None:
        """Frames may come."""

    def stop(self) -> None:
        """No more frames may come."""


class Capture:
    """Takes shots until the camera ends, `stop` is called or an error ends it.

    A burst has as many frames as the plan's ciphertexts take, or fewer; or exactly those of one picture, where the
    framing says so. Two threads, so that a burst is kept in time even while the camera waits for its next shot, and so
    that the next burst gathers while one is encrypted. No more than one burst waits: then the camera does.
    `check_at` says which capture counters are checks, and which known frame each one is.
    """

    def __init__(
        self,
        camera: Camera,
        gate: Gate,
        framing: Framing,
        cipher: FrameCipher,
        outbox: Outbox,
        latest: bool,
        burst_wait: float,
        check_at: Callable[[int], KnownFrame | None],
        accepted: Callable[[], None],
    ) -> None:
        self._camera, self._gate, self._framing = camera, gate, framing
        self._cipher, self._outbox = cipher, outbox
        self._latest, self._burst_wait = latest, burst_wait
        self._check_at, self._accepted = check_at, accepted
        self._stopping = threading.Event()
        self._most = len(framing.names) if framing.are_burst else cipher.head.frames_per_ciphertext  # of a burst
        self._changed = threading.Condition()  # guards the next two
        self._waiting: list[_WaitingFrame] = []
        self._ended = False
        self._used = 0  # pictures
        self._lines = RepeatedLines()
        self.pulse = CameraPulse(camera)
        self._watcher = threading.Thread(target=self._watch, name="camera", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="capture", daemon=True)
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether no more frames will come."""
        return self._keeper.ident is not None and not self._keeper.is_alive()

    def start(self) -> None:
        """Start taking shots."""
        self._keeper.start()
        self._watcher.start()

    def stop(self) -> None:
        """Take no further shot; waits briefly for the one in work, and for what was taken to be kept."""
        self._end()
        for thread in (self._watcher, self._keeper):
            if thread.is_alive():
                thread.join(_STOP_WAIT)

    def _end(self) -> None:
        self._stopping.set()
        self._close_camera()  # ends a wait for the next shot
        with self._changed:
            self._changed.notify_all()

    def _watch(self) -> None:
        try:
            for shot in self.pulse.shots():
                if self._stopping.is_set():
                    break
                self._take(shot)
            if self.pulse.unfit and not self._used:
                raise FrameError(f"none of the camera's {self.pulse.unfit} pictures could be used; the log says why")
        except BlindsightError as error:
            self.error = error
        except BaseException as error:  # the camera may be anybody's, and call sys.exit
            self._blame_camera(error)
        finally:
            self._close_camera()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _close_camera(self) -> None:
        try:
            self._camera.close()
        except Exception as error:  # what ends us must not be held up by it
            self._blame_camera(error)

    def _blame_camera(self, error: BaseException) -> None:
        self.error = CallbackError(f"the camera raised {type(error).__name__}: {error}")
        self.error.__cause__ = error

    def _take(self, shot: Shot) -> None:
        """Let a shot's frames wait for their burst, as soon as there is room, if the gate admits it.

        A picture that doesn't fit is skipped; raises `FrameError` when none of the first ones did.
        """
        captured_at, until = clock.now(), time.monotonic() + self._burst_wait
        try:
            picture = as_picture(shot.picture)
            if not self._gate.admits(picture):
                return
            frames = self._framing.frames(picture)
        except FrameError as error:  # here, so that it doesn't spoil the frames that share its ciphertext
            self.pulse.unfit += 1
            reason = str(error)
            self._lines.say(log.warning, "skipped a picture", "", reason, source=shot.source, reason=reason)
            never_fits = not isinstance(error, NoMarkError)  # else a camera that starts in the dark would end
            if never_fits and not self._used and self.pulse.unfit >= _FIRST_PICTURES:
                raise
            return
        self._used += 1
        waiting = [
            _WaitingFrame(frame, source, captured_at, until)
            for source, frame in zip(sources_of(self._framing, shot.source), frames, strict=True)
        ]
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < self._most or self._stopping.is_set())
            self._waiting.extend(waiting)
            self._changed.notify_all()

    def _keep(self) -> None:
        try:
            while burst := self._next_burst():
                self._store(self._encrypt(burst))
        except Exception as error:  # else frames would be captured, and none kept
            self.error = error
            self._end()
        finally:
            self._accepted()

    def _next_burst(self) -> list[_WaitingFrame]:
        """The frames that wait, once it is time to keep them; none when no more will come."""
        first = self._outbox.upcoming_counter()  # nobody else takes counters
        with self._changed:
            while not self._is_time():
                rest = self._waiting[0].until - time.monotonic() if self._waiting else None
                self._changed.wait(rest)
            burst = self._compose(first)
            self._changed.notify_all()
            return burst

    def _compose(self, counter: int) -> list[_WaitingFrame]:
        """A burst from capture counter `counter` on: waiting frames in their order, and checks where they are due.

        Under `latest`, which skips frames anyway, a check stands for the camera's frame, so that
        no message more than usual gives it away.
        """
        burst: list[_WaitingFrame] = []
        while self._waiting and len(burst) < self._most:
            waiting, known = self._waiting[0], self._check_at(counter + len(burst))
            if known is not None:
                burst.append(replace(waiting, frame=known.frame, source="known answer", expected=known.label))
            else:
                burst.append(waiting)
            if known is None or self._latest:
                del self._waiting[0]
        return burst

    def _is_time(self) -> bool:
        if self._ended or self._stopping.is_set() or len(self._waiting) >= self._most:
            return True
        return bool(self._waiting) and time.monotonic() >= self._waiting[0].until

    def _encrypt(self, burst: Sequence[_WaitingFrame]) -> Entry:
        shape = self._cipher.head.frame_shape
        frames = np.stack([waiting.frame.reshape(shape) for waiting in burst])
        captured = [CapturedFrame(each.source, each.captured_at, each.expected) for each in burst]
        return make_entry(self._cipher, self._outbox, frames, captured)

    def _store(self, entry: Entry) -> None:
        """Keep an entry; under `all` the camera waits while the outbox is full."""
        warned = False
        while True:
            if self._latest:
                self._outbox.drop_unsent(keep=0)
            try:
                self._outbox.add(entry)
                log.info("accepted", job=entry.job, frames=len(entry.frames))
            except OutboxFullError as error:
                if not warned:
                    log.warning("the camera waits", reason=str(error))
                warned = True
                if not self._stopping.wait(_FULL_WAIT):
                    continue
                log.warning("stopped before these frames were accepted", frames=len(entry.frames))
                return
            self._accepted()
            return
