"""Keys pressed in a terminal, one by one, while a table is shown there."""

import contextlib
import os
import re
import select
import sys
import termios
import time
import tty
from types import TracebackType

#: The names of keys, by the characters that a terminal sends for them.
_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x1b": "escape",
    "\n": "enter",
    "\r": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
}
#: The characters of one key.
_KEY = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)
#: Bytes that are read at once: more than a finger can press.
_AT_ONCE = 256


class Keyboard:
    """The terminal at standard input, without echo; has no keys where there is none, or while we are in its background.

    Ctrl-C and the like stay what they are. Use it as a context, which leaves the terminal as it was.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._before: list[object] | None = None

    def __enter__(self) -> "Keyboard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._terminal is not None and self._before is not None and self._in_front():
            with contextlib.suppress(termios.error):  # it may be closed
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]

    def read(self, timeout: float) -> list[str]:
        """The names of the keys pressed next, after at most `timeout` seconds; a letter's is the letter."""
        if self._terminal is None or not self._in_front():  # in the background reading would stop us
            time.sleep(timeout)
            return []
        try:
            self._listen(self._terminal)
            ready, _, _ = select.select([self._terminal], [], [], timeout)
            data = os.read(self._terminal, _AT_ONCE) if ready and self._in_front() else b""
        except (OSError, termios.error):  # the terminal is gone
            self._terminal = None
            return []
        if ready and not data:
            self._terminal = None
        return [_NAMES.get(key, key) for key in _KEY.findall(data.decode(errors="ignore"))]

    def _in_front(self) -> bool:
        try:
            return self._terminal is not None and os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:
            return False

    def _listen(self, terminal: int) -> None:
        """Take keys one by one, also after a shell that had stopped us has set the terminal its own way."""
        now = termios.tcgetattr(terminal)
        if now[3] & termios.ICANON:
            self._before = now
            tty.setcbreak(terminal, termios.TCSADRAIN)
