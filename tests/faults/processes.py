"""Processes that a supervisor starts again when they end, as Docker and systemd do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blindsight.demo.processes import start_child

_POLL_SECONDS = 0.2
_STOP_SECONDS = 20.0


@dataclass
class Supervised:
    """A command that shall run; `starts` counts how often it was started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    wanted: bool = True
    starts: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        """The process that runs now, or ran last."""
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[int]:
        """Processes that it has forked and that live."""
        try:
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def send(self, number: int) -> None:
        """A signal to it alone, not to its children."""
        if self.running:
            os.kill(self.pid, number)

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Supervisor:
    """Starts processes again, until `stop`."""

    folder: Path
    processes: dict[str, Supervised] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Supervised:
        """Have `python -m COMMAND` run. Settings of our own don't leak in."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("BLINDSIGHT_")}
        log = self.folder / f"{name}.log"
        one = Supervised(name, [sys.executable, "-m", *command], {**inherited, **environment}, log)
        with self._lock:
            self.processes[name] = one
            self._run(one)
        return one

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a process by a signal, and what it forked too, for good; waits for it."""
        one = self.processes[name]
        one.wanted = False
        one.send(signal.SIGCONT)
        one.send(number)
        assert one.process is not None
        try:
            one.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(one.pid, signal.SIGKILL)
            one.process.wait()

    def again(self, name: str) -> None:
        """Start one that was ended."""
        with self._lock:
            self.processes[name].wanted = True

    def stop(self) -> None:
        """End all, the last started first."""
        self._stopping.set()
        self._thread.join()
        for one in self.processes.values():
            one.wanted = False
            one.send(signal.SIGCONT)
            one.send(signal.SIGTERM)
        for name in reversed(self.processes):
            self.end(name)

    def _watch(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            with self._lock:
                for one in self.processes.values():
                    if one.wanted and not one.running:
                        self._run(one)

    def _run(self, one: Supervised) -> None:
        with one.log.open("ab") as file:
            file.write(f"--- start {one.starts + 1} at {time.time():.3f}\n".encode())
            file.flush()
            one.process = start_child(one.command, file, env=dict(one.environment))
        one.starts += 1
