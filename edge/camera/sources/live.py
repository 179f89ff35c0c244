"""A camera that goes on whether we look or not: a thread reads it, and the newest picture counts."""

import atexit
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from common.errors import BlindsightError, FrameError
from common.logs import get_logger
from common.pictures.picture import Picture
from common.service.repeated import RepeatedLines
from edge.camera.cameras import Shot
from edge.camera.sources.pace import Pace
from edge.camera.sources.retries import Retries

Data = TypeVar("Data")

#: Seconds that the end of the process waits for a read to return, at most: somewhat longer than cameras may be silent.
_LAST_READ = 12.0

log = get_logger(__name__)


class Connection(Protocol[Data]):
    """A connection to a camera, or a device that is open. Used by one thread."""

    def read(self) -> Data:
        """The next picture, as it comes. Raises `FrameError` when the connection is of no use any more."""

    def picture(self, data: Data) -> Picture:
        """What was read as a picture; from any thread. Raises `FrameError` when it is damaged."""

    def close(self) -> None:
        """Let go of the camera."""


class LiveCamera(Generic[Data]):
    """Connects to a camera, again and again if need be, and gives its newest picture whenever one is due.

    Pictures that come in between are dropped as they come: else they would queue up, and we would see the past.
    `kind` names the camera in shots, `name` in the log. `connect` raises `FrameError`, or `ConfigurationError` when it
    is no use to try again.
    """

    def __init__(
        self, kind: str, name: str, connect: Callable[[], Connection[Data]], pace: Pace, rate: float | None
    ) -> None:
        self._kind, self._connect, self._pace = kind, connect, pace
        self._retries = Retries(name, pace)
        self._changed = threading.Condition()  # guards the next three
        self._newest: tuple[Connection[Data], Data] | None = None
        self._works = False
        self._error: BaseException | None = None
        self._lines = RepeatedLines()
        self._reader = threading.Thread(target=self._run, name="camera reader", daemon=True)
        self.rate = rate or 1.0
        self.skipped = 0

    def open(self) -> "LiveCamera[Data]":
        """The same camera, once it has given its first picture. Raises what `connect` does."""
        self._reader.start()
        atexit.register(self._end_with_process)
        with self._changed:
            self._changed.wait_for(lambda: self._works or self._error is not None)
        if self._error is not None:
            raise self._error
        return self

    @property
    def trouble(self) -> str:
        """Why there are no pictures now."""
        return self._retries.trouble

    @property
    def reconnects(self) -> int:
        """How often the camera failed and was tried again."""
        return self._retries.count

    def shots(self) -> Iterator[Shot]:
        """Pictures, for ever. Raises what ended the reading, if it wasn't `close`."""
        number = 0
        while True:
            self._pace.wait()
            newest = self._take()
            if newest is None:
                return
            connection, data = newest
            try:
                picture = connection.picture(data)
            except FrameError as error:
                self.skipped += 1
                self._lines.say(log.warning, "skipped a picture", "", reason=str(error))
                continue
            yield Shot(picture, f"{self._kind}:{number}")
            number += 1

    def close(self) -> None:
        """End `shots`; the reading thread lets go of the camera as soon as it returns from the camera's driver."""
        self._pace.stop()
        with self._changed:
            self._changed.notify_all()

    def _end_with_process(self) -> None:
        """Let the reading thread end first: Python would end it where it returns to, inside of OpenCV, which aborts."""
        self.close()
        self._reader.join(_LAST_READ)

    def _take(self) -> tuple[Connection[Data], Data] | None:
        """What was read last, once; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._error is not None or self._pace.stopped)
            if self._pace.stopped:
                return None
            if self._error is not None:
                raise self._error
            newest, self._newest = self._newest, None
            return newest

    def _run(self) -> None:
        try:
            while not self._pace.stopped:
                try:
                    self._read_on()
                except BlindsightError as error:
                    self._retries.failed(error)
        except BaseException as error:  # else the device would wait for ever, and seem well
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            atexit.unregister(self._end_with_process)

    def _read_on(self) -> None:
        """Read a new connection until it breaks, which raises `FrameError`, or until the end."""
        connection = self._connect()
        try:
            while not self._pace.stopped:
                data = connection.read()
                self._retries.worked()
                with self._changed:
                    self._newest, self._works = (connection, data), True
                    self._changed.notify_all()
        finally:
            connection.close()
