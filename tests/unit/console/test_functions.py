"""Labels to a program's function: in order of the record, and none lost where it raises."""

from pathlib import Path

import pytest

from common.errors import CallbackError
from common.publishing.ways.functions import TARGET
from common.wire.messages import Receipt
from console.functions import ConsoleFunctions
from console.record.record import FILE, Check, FrameLabel, Record


def add(record: Record, counter: int) -> FrameLabel:
    job = f"{counter:08d}-0123456789abcdef"
    label = FrameLabel("cam-a", job, counter, f"label {counter}", 1.0, 5.0)
    receipt = Receipt(1, job, 1, 1.0, 2.0, 3.0, 4.0, 5.0)
    record.add("cam-a", "p" * 64, receipt, [label])
    return label


def test_each_label_is_given_once_in_order_of_the_record(tmp_path: Path) -> None:
    record, given = Record(tmp_path / FILE, (TARGET,)), list[FrameLabel]()
    functions = ConsoleFunctions(record, given.append, None, None)
    labels = [add(record, counter) for counter in (2, 0, 1)]
    for label in labels:
        functions.label(label)
    functions.catch_up()
    assert given == labels
    assert record.outgoing.waiting(TARGET) == 0
    record.close()


def test_a_label_whose_call_raised_comes_again(tmp_path: Path) -> None:
    record, given = Record(tmp_path / FILE, (TARGET,)), list[FrameLabel]()

    def fail(label: FrameLabel) -> None:
        if label.counter == 1:
            raise ZeroDivisionError
        given.append(label)

    labels = [add(record, counter) for counter in range(3)]
    with pytest.raises(CallbackError, match="on_label raised ZeroDivisionError; the console stops") as caught:
        ConsoleFunctions(record, fail, None, None).catch_up()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    record.close()
    record = Record(tmp_path / FILE, (TARGET,))
    ConsoleFunctions(record, given.append, None, None).catch_up()
    assert given == labels
    record.close()


def test_what_an_earlier_version_kept_for_a_function_is_given_to_it(tmp_path: Path) -> None:
    record, given = Record(tmp_path / FILE, ("command",)), list[FrameLabel]()
    label = add(record, 0)
    ConsoleFunctions(record, given.append, None, None).catch_up()
    assert given == [label]
    record.close()


def test_alarms_have_a_function_of_their_own(tmp_path: Path) -> None:
    record, given = Record(tmp_path / FILE), list[Check]()
    check = Check("cam-a", "00000000-0123456789abcdef", 0, "3", "4", "worker-1")
    ConsoleFunctions(record, None, None, given.append).alarm(check)
    ConsoleFunctions(record, None, None, None).alarm(check)
    assert given == [check]
    with pytest.raises(CallbackError, match="on_alarm raised"):
        ConsoleFunctions(record, None, None, lambda _: 1 / 0).alarm(check)
    record.close()
