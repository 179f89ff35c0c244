"""The outbox remembers which results were written: each is one line, in order, whatever becomes of the file."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import edge.labels.answers
from common.wire.messages import Receipt
from edge.labels.answers import AnswerBook
from edge.labels.results import ResultFile, read_results, results_of
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add

_ROOT = Path(__file__).parents[4]


class Bench:
    """A device's outbox and results; `restart` as one does that was killed."""

    def __init__(self, folder: Path, path: Path | None) -> None:
        self.folder = folder
        self.outbox = Outbox(folder / "outbox.sqlite", 10**9)
        self.open(path)

    def open(self, path: Path | None) -> None:
        self.path = path or self.folder / "none"
        self.results = None if path is None else ResultFile(path)
        self.answers = AnswerBook(self.outbox, self.results)
        self.answers.write_out()

    def restart(self, path: Path | None) -> None:
        self.close()
        self.outbox = Outbox(self.folder / "outbox.sqlite", 10**9)
        self.open(path)

    def close(self) -> None:
        if self.results is not None:
            self.results.close()
        self.outbox.close()

    def answer(self, job: str) -> None:
        """As the label of a burst does."""
        pending = self.outbox.get(job)
        assert pending is not None
        frames = len(pending.frames)
        passed = Receipt(1, job, frames, 2.0, 3.0, 4.0, 5.0, 6.0)
        results = results_of("cam", pending, passed, {}, 7.0, labels=["a"] * frames, downlink_bytes=1)
        assert self.answers.record(pending, [0] * frames, results)

    def capture(self, bursts: int = 1, frames: int = 1) -> None:
        for _ in range(bursts):
            self.answer(add(self.outbox, frames=frames))

    def written(self) -> list[int]:
        return [result.counter for result in read_results(self.path)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


@pytest.fixture
def bench(tmp_path: Path, path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, path)
    yield made
    made.close()


def test_a_rotated_file_gets_no_old_lines_at_the_next_start(bench: Bench, path: Path) -> None:
    bench.capture(3)
    path.rename(path.with_suffix(".1"))
    bench.restart(path)
    bench.capture()
    assert bench.written() == [3]


def test_another_file_gets_the_lines_from_then_on(bench: Bench, path: Path) -> None:
    bench.capture(2)
    bench.restart(path.with_name("other.jsonl"))
    bench.capture()
    assert bench.written() == [2]
    bench.restart(path)
    bench.capture()
    assert bench.written() == [0, 1, 3]


def test_frames_answered_without_a_results_file_get_no_line_later(bench: Bench, path: Path) -> None:
    first = add(bench.outbox)
    bench.capture()  # this one waits for the first
    bench.restart(None)
    bench.capture()
    bench.answer(first)
    bench.restart(path)
    bench.capture()
    assert bench.written() == [1, 3]


def test_foreign_lines_end_nothing(bench: Bench, path: Path) -> None:
    bench.capture()
    with path.open("ab") as file:
        file.write(b'{"device": 7}\n\xff\xfe\n' + b"[" * 100_000 + b"\n{}\nnot finished")
    bench.restart(path)
    bench.capture()
    assert bench.written() == [0, 1]


def test_a_crash_between_line_and_mark_repeats_nothing(bench: Bench, path: Path) -> None:
    bench.capture(2, frames=3)
    bench.outbox.mark([4, 5, 6], written=False)
    with path.open("ab") as file:
        file.write(b"a line of somebody else's\n")
    bench.restart(path)
    assert bench.written() == [0, 1, 2, 3, 4, 5]
    bench.outbox.mark([5, 6], written=False)
    path.rename(path.with_suffix(".1"))  # in that very moment: twice, rather than not at all
    bench.restart(path)
    assert bench.written() == [4, 5]


def test_a_file_that_cannot_be_written_loses_nothing_and_ends_nothing(
    bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge.labels.answers, "_RETRY", 0.0)
    bench.capture()
    path.rename(path.with_suffix(".1"))
    path.mkdir()
    with capture_logs() as logs:
        bench.capture(2)
        bench.answers.tick()
    assert [(each["event"], each["reason"]) for each in logs if each["log_level"] == "warning"] == [
        ("results can't be written; they wait in the outbox", "Is a directory")
    ]
    path.rmdir()
    bench.answers.tick()
    bench.capture()
    assert bench.written() == [1, 2, 3]


def test_a_backlog_is_written_in_batches(bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResultFile, "batch", 2)
    first = add(bench.outbox)
    bench.capture(6)
    assert bench.written() == []
    bench.answer(first)
    assert bench.written() == [0, 1, 2, 3, 4, 5, 6]


def test_a_damaged_result_holds_up_no_other(bench: Bench) -> None:
    first = add(bench.outbox)
    bench.capture(2)
    bench.outbox._db._db.execute("UPDATE answers SET details = x'ff' WHERE counter = 1")
    bench.answer(first)
    assert bench.written() == [0, 2]


class TestAnOutboxOfAnEarlierVersion:
    """It didn't remember: what its file has was written, and so was all before that."""

    @pytest.fixture
    def earlier(self, bench: Bench) -> Bench:
        """One that has written three lines, and got a fourth label."""
        bench.capture(4)
        bench.outbox.mark([1, 2, 3, 4], written=None)  # type: ignore[arg-type]
        bench.path.write_bytes(b"".join(bench.path.read_bytes().splitlines(keepends=True)[:3]))
        return bench

    def test_writes_what_a_crash_left(self, earlier: Bench, path: Path) -> None:
        earlier.restart(path)
        assert earlier.written() == [0, 1, 2, 3]

    def test_writes_nothing_that_was_moved_away(self, earlier: Bench, path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[1])
        earlier.restart(path)
        assert earlier.written() == [1, 2, 3]

    @pytest.mark.parametrize("file", ["results.jsonl", "other.jsonl", None])
    def test_writes_nothing_old_to_a_new_file(self, file: str | None, earlier: Bench, tmp_path: Path) -> None:
        earlier.path.unlink()
        earlier.restart(None if file is None else tmp_path / file)
        earlier.restart(tmp_path / "results.jsonl")
        earlier.capture()
        assert earlier.written() == [4]


_CHILD = """
import sys
from pathlib import Path
from tests.unit.edge.labels.test_answers import Bench

bench = Bench(Path(sys.argv[1]), Path(sys.argv[2]))
for pending in bench.outbox.due(1e12, 9):
    bench.answer(pending.job)
while True:
    bench.capture(frames=3)
"""


@pytest.mark.slow
def test_a_device_that_is_killed_again_and_again_while_its_file_is_rotated_writes_each_line_once(
    tmp_path: Path, path: Path
) -> None:
    rotated: list[Path] = []
    for number in range(3):
        command = [sys.executable, "-c", _CHILD, str(tmp_path), str(path)]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as child:
            lines = len(list(read_results(path)))
            while len(list(read_results(path))) < lines + 9:
                assert child.poll() is None
                time.sleep(0.005)
            if number % 2:  # between two kills, while it writes
                rotated.append(path.rename(tmp_path / f"results.{number}"))
                while not path.exists():
                    time.sleep(0.005)
            child.kill()
    last = Bench(tmp_path, path)
    for pending in last.outbox.due(1e12, 9):
        last.answer(pending.job)
    answered = [answer.counter for answer in last.outbox.answers()]
    last.close()
    written = [result.counter for part in (*rotated, path) for result in read_results(part)]
    assert written == answered
    assert len(written) >= 27
