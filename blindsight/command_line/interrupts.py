"""Ctrl-C and SIGTERM: said at once; what is in work ends in order, and at a second Ctrl-C at once."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

#: The signals that end a program.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds after which an exit that was swallowed is raised again.
_AGAIN_SECONDS = 0.01


def exit_at_signals() -> None:
    """Raise `SystemExit` at a signal, with the shells' exit code, so that whatever is open is closed.

    A signal may come in the middle of a finaliser or a callback of the interpreter's, which swallows exceptions: then
    it is raised once more soon after. Else the program would go on, and no later SIGTERM would change anything.
    """

    def leave(number: int) -> None:
        _say("stopping")
        sys.exit(128 + number)

    at_signals(leave)
    former = sys.unraisablehook

    def raise_again(swallowed: "sys.UnraisableHookArgs") -> None:
        if not issubclass(swallowed.exc_type, SystemExit) or sys.is_finalizing():
            former(swallowed)
            return
        code = getattr(swallowed.exc_value, "code", 1)
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(code))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    sys.unraisablehook = raise_again


class Interrupts:
    """While entered, Ctrl-C and SIGTERM are noted only, and `check` ends the program where that is safe.

    An exception comes between any two steps: between a process's start and its entry among
    those to stop, inside the clean-up itself, or in a finaliser, which swallows it.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._former = {number: signal.getsignal(number) for number in _SIGNALS}

    def __enter__(self) -> "Interrupts":
        at_signals(self._note)
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

    def _note(self, number: int) -> None:
        self._number = number
        _say("stopping what was started; Ctrl-C again ends at once")


def at_signals(first: Callable[[int], None]) -> None:
    """Call `first` at the first signal, and end the process hard when Ctrl-C comes after it.

    A second SIGTERM changes nothing: supervisors repeat it. A signal that whoever started us had us
    ignore stays ignored, as a shell's `&` does with Ctrl-C in scripts.
    """
    seen = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen
        if not seen:
            seen = True
            first(number)
        elif number == signal.SIGINT:
            _say("ended at once, without waiting for what was in work")
            os._exit(128 + number)

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def _say(text: str) -> None:
    """A line on standard error, from a signal's handler: whatever it interrupted may be printing."""
    with contextlib.suppress(OSError):  # closed, or a full disk
        os.write(2, f"{text}\n".encode())
