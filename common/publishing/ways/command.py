"""The way to a program of the user's own."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from common.errors import BlindsightError, ConfigurationError
from common.publishing.outgoing import Target
from common.publishing.ways.way import Way
from common.service.settings_errors import PREFIX

#: Seconds for one run of the program, at most.
_RUN_SECONDS = 30.0


class CommandWay(Way):
    """Runs a program for each event, without a shell, with the event on its standard input.

    Raises `ConfigurationError` when there is no such program.
    """

    target: Target = "command"

    def __init__(self, command: str) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(f"forward_command can't be read: {error}; quote it as a shell wants it") from error
        if not self._command:
            raise ConfigurationError("forward_command is empty; give a program and its arguments")
        if shutil.which(self._command[0]) is None:  # of the arguments, some may be secret
            raise ConfigurationError(
                f"forward_command is {self._command[0]!r}, and there is no such program; give its path"
            )
        self._running: subprocess.Popen[bytes] | None = None

    def send(self, bodies: Sequence[bytes]) -> None:
        """Run the program for each event, and wait for its end. Raises `BlindsightError` when it fails."""
        for body in bodies:
            try:
                self._run(body + b"\n")
            except OSError as error:
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
            except subprocess.TimeoutExpired:  # whose text would repeat the arguments
                self._running.kill()
                raise BlindsightError(f"forward_command took over {_RUN_SECONDS:g} s, and was ended") from None
        if self._running.returncode != 0:
            stderr = output[-500:].decode(errors="replace").strip()
            raise BlindsightError(f"forward_command ended with {self._running.returncode}: {stderr}")
