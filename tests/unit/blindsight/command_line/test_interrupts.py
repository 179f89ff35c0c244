"""A signal is noted and raised where we ask for it; one that is ignored stays ignored."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from blindsight.command_line.interrupts import Interrupts


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever whoever runs the tests has made of it
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_at_the_next_check_and_not_before(number: signal.Signals, code: int) -> None:
    reached = []
    with pytest.raises(SystemExit) as ended, Interrupts() as interrupts:
        interrupts.check()
        os.kill(os.getpid(), number)
        reached.append("after the signal")
        interrupts.check()
        reached.append("after the check")
    assert ended.value.code == code
    assert reached == ["after the signal"]


def test_a_signal_during_the_clean_up_counts_after_it() -> None:
    with pytest.raises(SystemExit) as ended, Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    assert ended.value.code == 130


def test_an_error_comes_before_a_signal() -> None:
    with pytest.raises(ValueError), Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError


def test_an_ignored_signal_stays_ignored_and_handlers_come_back() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.check()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


_STOPS = """
import signal, sys, time
from blindsight.command_line.interrupts import exit_at_signals
from blindsight.command_line.logs import configure_logs
from blindsight.command_line.service import stop_with
configure_logs("info", True)
{name}(*{arguments})
print("ready", flush=True)
time.sleep(30)
print("went on")
"""


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started = []

    def run(name: str, arguments: str = "()") -> "subprocess.Popen[str]":
        source = _STOPS.format(name=name, arguments=arguments)
        process = subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.slow
def test_a_command_says_at_once_that_it_stops(
    number: signal.Signals, code: int, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    process = start("exit_at_signals")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (code, "", "stopping\n")


_SWALLOWS = """
import os, signal, time
from blindsight.command_line.interrupts import exit_at_signals

class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)  # the handler runs in here, and what it raises is swallowed

exit_at_signals()
Finalised()
time.sleep(30)
print("went on")
"""


def test_a_signal_in_a_finaliser_is_not_lost() -> None:
    ended = subprocess.run([sys.executable, "-c", _SWALLOWS], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "", "stopping\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_a_service_says_at_once_that_it_stops_and_a_second_ctrl_c_ends_it(
    number: signal.Signals, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    process = start("stop_with", "(lambda: None,)")  # a stop that takes long
    assert process.stderr is not None
    process.send_signal(number)
    said = json.loads(process.stderr.readline())
    assert (said["event"], said["signal"]) == ("stopping", number.name)
    process.send_signal(signal.SIGTERM)  # supervisors repeat it
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "ended at once, without waiting for what was in work\n")
