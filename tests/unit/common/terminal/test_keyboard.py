"""Keys come from a real terminal one by one, and it is left as it was."""

import os
import pty
import sys
import termios
import time

import pytest

from common.terminal.keyboard import Keyboard

_CHILD = """
import sys
from common.terminal.keyboard import Keyboard

with Keyboard() as keyboard:
    print("ready", flush=True)
    pressed = []
    while "q" not in pressed:
        pressed += keyboard.read(0.1)
print(pressed, flush=True)
"""


def test_keys_come_by_name_without_echo_and_the_terminal_is_left_as_it_was() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", _CHILD])
    before = termios.tcgetattr(terminal)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    while termios.tcgetattr(terminal)[3] & termios.ICANON:
        time.sleep(0.01)
    os.write(terminal, b"\x1b[A\x1b[6~/\xc3\xa4\r\x7f\x1b[99~q")
    while b"]" not in seen:
        seen += os.read(terminal, 1000)
    assert termios.tcgetattr(terminal)[3] == before[3]
    os.waitpid(child, 0)
    os.close(terminal)
    keys = ["up", "page down", "/", "ä", "enter", "backspace", "\x1b[99~", "q"]
    assert seen.decode().split("\r\n")[:2] == ["ready", str(keys)]


def test_where_there_is_no_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as piped, Keyboard() as keyboard:
        monkeypatch.setattr(sys, "stdin", piped)
        os.write(write, b"q")
        assert keyboard.read(0.0) == Keyboard().read(0.0) == []
    os.close(write)
