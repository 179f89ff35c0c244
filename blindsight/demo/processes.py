"""Our own services as child processes, each with its log file."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from common.errors import BlindsightError

#: Seconds that services have to stop in, before they are killed.
_STOP_SECONDS = 15.0
#: Lines of a log's end that an error shows.
_LOG_TAIL = 15


def start_child(command: Sequence[str], log: IO[bytes], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a process that logs to a file. The terminal's Ctrl-C doesn't reach it, so that we can stop it in order.

    Where setpriv of util-linux is installed, the process is also ended when we are killed.
    """
    guard = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    return subprocess.Popen(
        [*guard, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
    )


@dataclass
class Service:
    """A running `blindsight …` process."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        """Whether it hasn't ended."""
        return self.process.poll() is None

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])


@dataclass
class Services:
    """Starts services, each with a log file in `folder`, and stops them all, the last started first."""

    folder: Path
    started: list[Service] = field(default_factory=list)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Service:
        """Start `blindsight ARGUMENTS` with our environment, without its settings, and with this one on top."""
        log = self.folder / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("BLINDSIGHT_")}
        with log.open("ab") as file:
            command = [sys.executable, "-m", "blindsight", *arguments]
            process = start_child(command, file, env={**inherited, **environment})
        service = Service(name, process, log)
        self.started.append(service)
        return service

    def check(self) -> None:
        """Raise `BlindsightError` with the end of its log if a service has failed."""
        for service in self.started:
            if service.process.poll() not in (None, 0):
                raise BlindsightError(f"{service.name} ended with code {service.process.returncode}:\n{service.tail()}")

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to what is still there after a while."""
        for service in reversed(self.started):
            if service.running:
                service.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for service in reversed(self.started):
            try:
                service.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                # Its children too: a Celery worker's pool is in the same session.
                os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()
