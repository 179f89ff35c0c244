"""Runs the blocks of a page as a reader would: in order, in one folder, on real servers and services.

`blindsight bridge`, `worker`, `device` and `console` run until they are stopped. A reader has a terminal, or a
machine, for each; here they run in the background, until their page ends. The next command waits until such a
service says that it is well.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blindsight.demo.processes import start_child
from blindsight.demo.servers import free_ports
from tests.docs.blocks import ROOT, Block, Command, PageError, commands, name_of, page_blocks
from tests.docs.python_blocks import PythonBlocks
from tests.docs.substitutions import service_of, substituted

OPERATOR = ROOT / "docs" / "operator.md"
#: Seconds that a command may take, and a service until it is well; generous, since machines are shared.
_COMMAND_SECONDS, _START_SECONDS = 240.0, 120.0
_STOP_SECONDS = 20.0
_TAIL = 25


@dataclass
class Running:
    """A process in the background."""

    command: Command
    process: "subprocess.Popen[bytes]"
    log: Path

    def failed(self, why: str) -> PageError:
        """What to raise about it."""
        return PageError(f"{self.command.where}: {self.command.text}\n{why}:\n{_tail(self.log)}")


@dataclass
class Session:
    """A site of the reader's, made by the commands of the operator's page, and what each page starts besides."""

    folder: Path
    site: list[Running] = field(default_factory=list)
    started: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        device, service, store, metrics, home, hook, camera = free_ports(7)
        self.facts: dict[str, object] = {"device": device, "service": service, "redis": store, "metrics": metrics}
        self.facts |= {"home": home, "hook": hook, "camera": camera}
        programs = self.folder / "bin"
        programs.mkdir()
        for name, call in {"blindsight": "-m blindsight", "python": ""}.items():
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
            script.chmod(0o700)
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("BLINDSIGHT_")}
        self._environment |= {
            "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "BLINDSIGHT_MQTT_PORT": str(device),
        }
        self._begin = self._site_end()

    def run(self, page: Path, prepare: Callable[[Path], object] | None = None) -> Path:
        """Run a page, on the site where it isn't the operator's; the folder that it ran in.

        Raises `PageError` at the first command that fails, with its place and what it said.
        """
        folder = self._folder(page)
        if prepare is not None:
            prepare(folder)
        if self._needs_site(page):
            self.start_site()
        blocks = page_blocks(page)
        with PythonBlocks(folder, self._environment) as interpreter:
            for block in blocks:
                if block.reason is None:
                    self._run_block(block, folder, interpreter)
        return folder

    def start_site(self) -> None:
        """The operator's page up to its first worker, once: a site that other pages connect to."""
        if self.site:
            return
        folder = self._folder(OPERATOR)
        for command in self._site_commands():
            self._run_command(command, folder)
        self.site, self.started = self.started, []

    def end_page(self) -> None:
        """Stop what a page started."""
        _stop(self.started)
        self.started = []

    def close(self) -> None:
        """Stop all."""
        self.end_page()
        _stop(self.site)

    def _site_commands(self) -> list[Command]:
        return [command for command in _page_commands(OPERATOR) if command.line <= self._begin]

    @staticmethod
    def _site_end() -> int:
        return next(command.line for command in _page_commands(OPERATOR) if service_of(command.text) == "worker")

    @staticmethod
    def _needs_site(page: Path) -> bool:
        return any(
            service_of(command.text.replace("…", "--rest")) or "site/" in command.text
            for command in _page_commands(page)
        )

    def _folder(self, page: Path) -> Path:
        folder = self.folder / name_of(page).replace("/", "-").removesuffix(".md")
        folder.mkdir(exist_ok=True)
        if page != OPERATOR and not (folder / "site").is_symlink():
            (folder / "site").symlink_to(self._folder(OPERATOR) / "site")
        return folder

    def _run_block(self, block: Block, folder: Path, interpreter: PythonBlocks) -> None:
        if block.language == "python":
            interpreter.run(block)
        if block.language not in ("console", "sh"):
            return
        for command in commands(block):
            if command.page != name_of(OPERATOR) or command.line > self._begin:
                self._run_command(command, folder)

    def _run_command(self, command: Command, folder: Path) -> None:
        text = substituted(command.text, {**self.facts, "mosquitto": self._mosquitto()})
        if command.in_background:
            self._start(command, text.removesuffix("&"), folder, self._serves(text))
        elif service_of(text):
            healthy = self.folder / f"healthy-{len(self.site)}-{len(self.started)}"
            healthy.unlink(missing_ok=True)
            self._start(command, text, folder, healthy.exists, BLINDSIGHT_HEALTH_FILE=str(healthy))
        else:
            self._call(command, text, folder)

    def _call(self, command: Command, text: str, folder: Path) -> None:
        try:
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", text],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PageError(f"{command.where}: {text}\ntakes more than {_COMMAND_SECONDS:.0f} s") from None
        if done.returncode:
            said = done.stdout.decode(errors="replace")
            raise PageError(f"{command.where}: {text}\nends with code {done.returncode}:\n{said}")
        for each in self.started:
            if each.process.poll() is not None:
                raise each.failed(f"ended with code {each.process.returncode}")

    def _start(self, command: Command, text: str, folder: Path, is_well: Callable[[], bool], **variables: str) -> None:
        log = folder / f"{command.line}.log"
        with log.open("wb") as file:
            process = start_child(["bash", "-e", "-c", text], file, cwd=folder, env={**self._environment, **variables})
        running = Running(command, process, log)
        self.started.append(running)
        deadline = time.monotonic() + _START_SECONDS
        while not is_well():
            if process.poll() is not None:
                raise running.failed(f"ended with code {process.returncode}")
            if time.monotonic() > deadline:
                raise running.failed(f"isn't well after {_START_SECONDS:.0f} s")
            time.sleep(0.1)

    def _serves(self, text: str) -> Callable[[], bool]:
        """The check that a command in the background listens: on a port that it names, or as its configuration says."""
        named = [port for port in (self.facts["home"], self.facts["hook"]) if str(port) in text.split()]
        port = named[0] if named else self.facts["redis" if "redis-server" in text else "device"]
        assert isinstance(port, int)
        return lambda: _listens(port)

    def _mosquitto(self) -> int:
        """The process id of the site's broker, a child of the shell that started it; 0 before that."""
        shells = [each.process.pid for each in self.site + self.started if "mosquitto -c" in each.command.text]
        for shell in shells:
            pids = subprocess.run(["pgrep", "-g", str(shell), "-x", "mosquitto"], capture_output=True, check=False)
            return int(pids.stdout.split()[0])
        return 0


def _page_commands(page: Path) -> list[Command]:
    found = [block for block in page_blocks(page) if block.reason is None and block.language in ("console", "sh")]
    return [command for block in found for command in commands(block)]


def _stop(running: list[Running]) -> None:
    for each in reversed(running):
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    for each in reversed(running):
        try:
            each.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
