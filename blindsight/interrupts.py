"""Ctrl-C and SIGTERM while there is something to clean up."""

import signal
import sys
from types import FrameType


class Interrupts:
    """While entered, Ctrl-C and SIGTERM are noted only, and `check` ends the program where that is safe.

    A KeyboardInterrupt comes between any two steps: between a process's start and its entry among
    those to stop, inside the clean-up itself, or in a finaliser, which swallows it. A signal that
    whoever started us had us ignore stays ignored, as a shell's `&` does with Ctrl-C in scripts.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def __enter__(self) -> "Interrupts":
        for number, handler in self._former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise `SystemExit` with the shells' exit code, 130 for Ctrl-C, once a signal has come."""
        if self._number is not None:
            sys.exit(128 + self._number)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._number = number
