"""What lies on a key holder's or device's disk: key sets, known answers, outbox, record, history, results."""

import io
import os
from functools import cache, partial
from pathlib import Path

import msgspec
import numpy as np

from common.history.history import History
from common.history.views import LabelFilter, ReadingFilter
from common.keys.key_set import create_key_set, load_header, load_key_set
from common.keys.known_answers import load_known_answers
from common.plan.costs import load_costs
from common.publishing.events import decode_event
from common.readings.reading import Reading
from common.wire.messages import Receipt
from console.record.record import Check, FrameLabel, Record
from edge.labels.answers import AnswerBook
from edge.labels.results import Result, ResultFile
from edge.outbox.dead_letters import DeadLetters, Selection
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame, decode_frames, encode_frames
from tests.fuzz.plans import plan
from tests.fuzz.target import Target, as_file, scratch
from tests.unit.edge.entries import add

_LATER = 1e11
_JOB = "00000001-0123456789abcdef"


def _fresh(name: str, data: bytes) -> Path:
    """A database file of these bytes, without the logs of the one before it."""
    for path in scratch().glob(f"{name}*"):
        path.unlink()
    (scratch() / name).write_bytes(data)
    return scratch() / name


def _read_outbox(data: bytes) -> None:
    path = _fresh("outbox.sqlite", data)
    outbox = Outbox(path, 10**9)
    try:
        _use_outbox(outbox)
    finally:
        outbox.close()
    letters = DeadLetters(path)
    try:
        for held in letters.entries():
            letters.retry(held.job)
        letters.select(Selection(everything=True))
    finally:
        letters.close()


def _use_outbox(outbox: Outbox) -> None:
    """Every question that a device asks its outbox, then every change that it makes."""
    outbox.counts(), outbox.users(), outbox.upcoming_counter(), outbox.unwritten(10)
    outbox.oldest_captured_at(), outbox.parked_by_reason(), outbox.overdue(_LATER, 10)
    AnswerBook(outbox, ResultFile(scratch() / "results.jsonl"))
    outbox.all_due()
    for pending in outbox.due(_LATER, 10):
        outbox.get(pending.job)
        outbox.sent(pending.job, 1.0, 2.0)
        assert pending.frames
        if pending.counter % 2:
            outbox.park(pending.job, "deadline", "", 1.0)
        else:
            outbox.answer(pending.job, [(0, b"")] * len(pending.frames), 1.0)
    add(outbox)
    outbox.drop_unsent()
    outbox.counts()


@cache
def _outbox_file() -> bytes:
    path = _fresh("seed.sqlite", b"")
    outbox = Outbox(path, 10**6)
    for number in range(4):
        job = add(outbox, 20, frames=1 + number)
        if number == 1:
            details = msgspec.msgpack.encode(_result())
            outbox.answer(job, [(1, details), (2, b"")], 5.0)
        if number == 2:
            outbox.park(job, "deadline", "no label", 6.0)
    outbox._db._db.execute("PRAGMA journal_mode = DELETE")  # all in the one file
    outbox.close()
    return path.read_bytes()


def _read_record(data: bytes) -> None:
    record = Record(_fresh("labels.sqlite", data))
    try:
        record.check_writable()
        record.counts(), record.labels(), record.checks(), record.receipt("cam", _JOB)
        for waiting in record.outgoing.first("webhook", 10):
            decode_event(waiting.body)
        record.add("cam-9", "p", _receipt("00000009-0123456789abcdef"), [], [])
    finally:
        record.close()


def _record_file() -> bytes:
    path = _fresh("record-seed.sqlite", b"")
    record = Record(path, ["webhook"])
    label = FrameLabel("cam", _JOB, 1, "seven", 1.0, 5.0, lead=0.5)
    record.add("cam", "p" * 64, _receipt(_JOB), [label], [Check("cam", _JOB, 2, "1", "2", "worker")])
    record._db._db.execute("PRAGMA journal_mode = DELETE")
    record.close()
    return path.read_bytes()


def _read_history(data: bytes) -> None:
    """Every question that pages ask a history, then what changes it."""
    history = History(_fresh("history.sqlite", data))
    try:
        for wanted in (LabelFilter(), LabelFilter("cam", "seven"), LabelFilter(region="left", order="oldest")):
            page = history.labels(wanted, None, 2)
            history.labels(wanted, page.next_cursor, 2)
            history.label_plot(wanted, 3), history.label_plot(wanted, 3000)
        list(history.all_readings(ReadingFilter()))
        (
            history.reading_plot(ReadingFilter("cam", "water"), 3),
            history.reading_plot(ReadingFilter("cam", "water"), 3000),
        )
        devices = history.devices()
        history.last_labels(devices), history.last_readings(devices), history.sparks(devices, 3600.0)
        history.add([_frame_label(1), _frame_label(9), _reading(1), _reading(9)])
        history.fill_to(history.filled_to())
        while history.forget(_LATER):
            pass
    finally:
        history.close()


def _history_file() -> bytes:
    path = _fresh("history-seed.sqlite", b"")
    history = History(path)
    history.add([*map(_frame_label, range(6)), *map(_reading, range(6))])
    history._db._db.execute("PRAGMA journal_mode = DELETE")
    history.close()
    return path.read_bytes()


def _frame_label(number: int) -> FrameLabel:
    at = 1800.0 * number
    return FrameLabel("cam", _JOB, number, "seven", at, at + 1, region="left" if number % 2 else "")


def _reading(number: int) -> Reading:
    state = "good" if number % 2 else "reset"
    return Reading("cam", "water", f"{number:08d}-0123456789abcdef", 1800.0 * number, state, f"{number}", "m³", 0.99)


def _read_results(path: Path) -> None:
    """What was written, and whatever else is in the file, next to an outbox that has answers."""
    outbox = Outbox(_fresh("results.sqlite", _outbox_file()), 10**6)
    try:
        results = ResultFile(path)
        AnswerBook(outbox, results).write_out()
        results.close()
    finally:
        outbox.close()


def _receipt(job: str) -> Receipt:
    return Receipt(1, job, 2, 1.0, 2.0, 3.0, 4.0, 5.0)


def _result() -> Result:
    return Result("cam", _JOB, 1, "a.png", "7", 0.0, 100.0, {"encrypt": 1.0}, 1, 1, 1)


@cache
def _key_set() -> Path:
    folder = scratch() / "keys"
    create_key_set(plan().head, folder)
    return folder


def _of_key_set(name: str) -> list[bytes]:
    return [(_key_set() / name).read_bytes()]


def _in_folder(folder: Path, name: str, data: bytes) -> Path:
    """The folder, with another file of this name."""
    (folder / name).write_bytes(data)
    return folder


def _read_key_set(name: str, data: bytes) -> None:
    folder = _key_set()
    before = (folder / name).read_bytes()
    try:
        load_header(_in_folder(folder, name, data))
        load_key_set(folder, "passphrase")
    finally:
        (folder / name).write_bytes(before)


@cache
def _known_answers() -> Path:
    folder = scratch() / "known"
    folder.mkdir()
    (folder / "frames.npz").write_bytes(_npz())
    (folder / "schedule.json").write_bytes(b'{"model": "digits", "labels": ["0", "1"], "rate": 0.1}')
    (folder / "secret").write_bytes(bytes(32))
    return folder


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, frames=np.zeros((2, 8, 8, 1), np.uint8), labels=np.zeros(2, np.int64), leads=np.ones(2))
    return file.getvalue()


def _read_known_answers(name: str, data: bytes) -> None:
    folder = _known_answers()
    before = (folder / name).read_bytes()
    try:
        known = load_known_answers(_in_folder(folder, name, data))
        for counter in range(50):
            known.at("cam", counter)
    finally:
        (folder / name).write_bytes(before)


def _read_costs(data: bytes) -> None:
    (scratch() / "blindsight").mkdir(exist_ok=True)
    (scratch() / "blindsight" / "costs.json").write_bytes(data)
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(scratch())
    try:
        load_costs("native").rotation_ms(8192, 2)
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before


TARGETS = (
    Target("outbox", lambda: [_outbox_file()], _read_outbox, "sqlite"),
    Target("outbox_frames", lambda: [encode_frames((CapturedFrame("a.png", 1.5, 3),) * 3)], decode_frames, "msgpack"),
    Target("record", lambda: [_record_file()], _read_record, "sqlite"),
    Target("history", lambda: [_history_file()], _read_history, "sqlite"),
    Target(
        "results",
        lambda: [msgspec.json.encode(_result()) + b"\n" + msgspec.json.encode(_result()) + b"\n"],
        as_file("r.jsonl", _read_results),
        "json",
    ),
    *(
        Target(name, partial(_of_key_set, file), partial(_read_key_set, file), structure)
        for name, file, structure in (
            ("keyset_json", "keyset.json", "json"),
            ("public_key", "public.key", ""),
            ("secret_key", "secret.key", ""),
        )
    ),
    Target("known_frames", lambda: [_npz()], lambda data: _read_known_answers("frames.npz", data), "npz"),
    Target(
        "known_schedule",
        lambda: [(_known_answers() / "schedule.json").read_bytes()],
        lambda data: _read_known_answers("schedule.json", data),
        "json",
    ),
    Target("costs", lambda: [Path("common/plan/costs.json").read_bytes()], _read_costs, "json"),
)
