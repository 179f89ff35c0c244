"""A signal is noted and raised where we ask for it; one that is ignored stays ignored."""

import os
import signal
from collections.abc import Iterator

import pytest

from blindsight.interrupts import Interrupts


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
