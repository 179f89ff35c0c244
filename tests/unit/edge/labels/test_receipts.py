"""A receipt of the console answers its burst, once, and only if it is for all of its frames."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import WireError
from common.wire import messages
from common.wire.messages import Receipt
from edge.labels.answers import AnswerBook
from edge.labels.receipts import ReceiptBook
from edge.labels.results import ResultFile, read_results
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add
from tests.unit.edge.onlooker import Onlooker


class Bench:
    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite", 10**6)
        self.results = ResultFile(folder / "results.jsonl")
        self.onlooker = Onlooker()
        self.book = ReceiptBook("cam-a", self.outbox, AnswerBook(self.outbox, self.results), self.onlooker)
        self.path = folder / "results.jsonl"

    def take(self, job: str, frames: int) -> None:
        self.book.take(messages.encode(Receipt(1, job, frames, 2000.0, 2001.0, 2003.0, 2003.5, 2003.75, 2000.25)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.results.close()
    made.outbox.close()


def test_a_receipt_ends_the_entry_and_its_results_have_no_label(bench: Bench) -> None:
    job = add(bench.outbox, frames=3)
    bench.take(job, 3)
    counts = bench.outbox.counts()
    assert (counts.pending, counts.answered) == (0, 3)
    results = list(read_results(bench.path))
    assert [(each.job, each.source, each.label) for each in results] == [
        (job, f"frame{number}.png", None) for number in range(3)
    ]
    stages = results[0].stages_ms
    assert (stages["queue"], stages["keys"], stages["evaluate"]) == (250, 750, 2000)
    assert (stages["downlink"], stages["decrypt"]) == (500, 250)
    assert results[0].latency_ms > 0


def test_a_receipt_that_comes_again_changes_nothing(bench: Bench) -> None:
    job = add(bench.outbox)
    bench.take(job, 1)
    bench.take(job, 1)
    assert len(list(read_results(bench.path))) == 1
    assert bench.onlooker.seen == [("answered", job, [None])]


@pytest.mark.parametrize("frames", [1, 4])
def test_a_receipt_for_another_number_of_frames_answers_nothing(bench: Bench, frames: int) -> None:
    job = add(bench.outbox, frames=3)
    with pytest.raises(WireError, match=f"the console has {frames} labels for job {job}, which has 3 frames"):
        bench.take(job, frames)
    assert bench.outbox.counts().pending == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        *map(messages.with_checksum, (b"", b"\xc1", b"\x80")),
        messages.encode(messages.KeyAck(1, "a" * 64, 1, 1, True)),
    ],
)
def test_what_is_no_receipt_answers_nothing(bench: Bench, payload: bytes) -> None:
    add(bench.outbox)
    with pytest.raises(WireError, match="Receipt"):
        bench.book.take(payload)
    assert bench.outbox.counts().pending == 1
