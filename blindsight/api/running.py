"""A service's loop in a thread of the program that embeds it."""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from common.errors import BlindsightError
from common.logs import get_logger

log = get_logger(__name__)


class Running:
    """Runs `run` in a thread until it ends or `stop` ends it, and keeps the error that it ended with, if any.

    The thread doesn't hold up the program's end. A fork takes no thread along: in the child, which shares the parent's
    files, nothing but `forked` and `check` may be used.
    """

    def __init__(self, name: str, run: Callable[[], None], stop: Callable[[], None]) -> None:
        self._run, self._stop = run, stop
        self._process = os.getpid()
        self._error: BaseException | None = None
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def inside(self) -> bool:
        """Whether the caller is the loop's own thread: a callback."""
        return threading.current_thread() is self._thread

    @property
    def forked(self) -> bool:
        """Whether this process was forked from the one that the loop runs in."""
        return os.getpid() != self._process

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self._error is not None

    def check(self) -> None:
        """Raise the error that it ended with, if any, and `BlindsightError` in a process that was forked from its."""
        if self.forked:
            raise BlindsightError(
                f"the {self._thread.name} was made before this process was forked, and stays in the parent; make one "
                "here, with a state of its own, or start processes by spawn"
            )
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Stop it, and wait for its end unless the caller is its own thread."""
        self._stop()
        if not self.inside:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._run()
        except BaseException as error:  # whatever a callback raises, SystemExit too, is the caller's to see
            self._error = error
            reason = str(error) if isinstance(error, BlindsightError) else type(error).__name__
            log.error("stopped by an error", what=self._thread.name, reason=reason)
        finally:
            self.ended.set()


class Closing(ABC):
    """Something that a `with` block closes. An error of the block itself comes before one that closing raises."""

    @abstractmethod
    def close(self) -> None:
        """Stop, and let go of all that is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except BlindsightError:
            if error is None:  # else the program's own error is the one to see; ours is in the log
                raise
