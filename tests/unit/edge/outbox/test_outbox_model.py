"""Whatever happens to bursts in whatever order: accepted = pending + answered + parked + dropped, in frames."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.errors import OutboxFullError
from edge.outbox.dead_letters import DeadLetters
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import entry, job

_BOUND = 500


class OutboxMachine(RuleBasedStateMachine):
    """The outbox next to dictionaries that do the same in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.sqlite"
        self.outbox = Outbox(self.path, _BOUND)
        self.letters = DeadLetters(self.path)  # next to it, as another process opens it
        self.counter = 0
        self.jobs: list[str] = []
        self.pending: dict[str, Entry] = {}
        self.parked: dict[str, Entry] = {}
        self.sent: set[str] = set()
        self.retried: set[str] = set()
        self.answers: dict[int, tuple[str, str, int]] = {}
        self.unwritten: set[int] = set()
        self.accepted = self.dropped = 0

    def teardown(self) -> None:
        self.outbox.close()
        self.letters.close()
        self.folder.cleanup()

    def used(self) -> int:
        return sum(len(item.ciphertext) for item in (*self.pending.values(), *self.parked.values()))

    @rule(size=st.integers(0, 200), frames=st.integers(1, 5))
    def add(self, size: int, frames: int) -> None:
        counter = self.outbox.next_counter(frames)
        assert counter == self.counter
        self.counter += frames
        made = entry(counter, size, frames)
        self.jobs.append(made.job)
        fits = self.used() + size <= _BOUND
        try:
            self.outbox.add(made)
        except OutboxFullError:
            assert not fits
            return
        assert fits
        self.pending[made.job] = made
        self.accepted += frames

    @rule(back=st.integers(1, 5))
    def send(self, back: int) -> None:
        job = self.job(back)
        self.outbox.sent(job, 0, 0)
        if job in self.pending:
            self.sent.add(job)

    @rule(back=st.integers(1, 5), label=st.integers(0, 9))
    def answer(self, back: int, label: int) -> None:
        job = self.job(back)
        waited = self.pending.pop(job, None)
        frames = () if waited is None else waited.frames
        first = 0 if waited is None else waited.counter
        labels = [(label + number, str(first + number).encode()) for number in range(len(frames))]
        assert self.outbox.answer(job, labels, 0) == (waited is not None)
        if waited is not None:
            for number, frame in enumerate(frames):
                self.answers[waited.counter + number] = (job, frame.source, label + number)
                self.unwritten.add(waited.counter + number)

    @rule(limit=st.integers(1, 4))
    def write_out(self, limit: int) -> None:
        batch = self.outbox.unwritten(limit)
        self.outbox.mark(number for number, _ in batch)
        self.unwritten -= {int(details) for _, details in batch}

    @rule(back=st.integers(1, 5))
    def park(self, back: int) -> None:
        job = self.job(back)
        waited = self.pending.pop(job, None)
        assert self.outbox.park(job, "deadline", "", 0) == (waited is not None)
        if waited is not None:
            self.parked[job] = waited

    @rule(back=st.integers(1, 5))
    def retry(self, back: int) -> None:
        job = self.job(back)
        waited = self.parked.pop(job, None)
        assert self.letters.retry(job) == (waited is not None)
        if waited is not None:
            self.pending[job] = waited
            self.sent.discard(job)
            self.retried.add(job)

    @rule(back=st.integers(1, 5))
    def drop_letter(self, back: int) -> None:
        job = self.job(back)
        waited = self.parked.pop(job, None)
        assert self.letters.drop(job) == (waited is not None)
        if waited is not None:
            self.dropped += len(waited.frames)

    @rule(keep=st.integers(0, 2))
    def drop_unsent(self, keep: int) -> None:
        unsent = sorted(self.pending.keys() - self.sent - self.retried)
        gone = [self.pending.pop(job) for job in unsent[: max(len(unsent) - keep, 0)]]
        frames = sum(len(item.frames) for item in gone)
        assert self.outbox.drop_unsent(keep) == frames
        self.dropped += frames

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = Outbox(self.path, _BOUND)

    @invariant()
    def nothing_is_lost(self) -> None:
        counts = self.outbox.counts()
        assert counts.accepted == counts.pending + counts.answered + counts.parked + counts.dropped
        assert counts.bytes == self.used() <= _BOUND
        assert (counts.accepted, counts.answered, counts.dropped) == (self.accepted, len(self.answers), self.dropped)
        assert {item.job: item.frames for item in self.outbox.due(0, 100)} == {
            job: item.frames for job, item in sorted(self.pending.items())
        }
        assert [item.job for item in self.letters.parked()] == sorted(self.parked)
        assert {item.job for item in self.letters.entries()} == self.parked.keys() | self.pending.keys()
        in_order = [item.counter for job, item in self.pending.items() if job not in self.retried]
        first = min(in_order, default=self.counter)
        next_ones = [counter for counter in sorted(self.unwritten) if counter < first]
        assert [int(details) for _, details in self.outbox.unwritten(100)] == next_ones
        answers = {item.counter: (item.job, item.source, item.label) for item in self.outbox.answers()}
        assert answers == self.answers
        assert list(answers) == sorted(answers)

    def job(self, back: int) -> str:
        """One of the last jobs, which may be in any state, or one that never was."""
        return self.jobs[-back] if back <= len(self.jobs) else job(10**6)


TestOutboxModel = OutboxMachine.TestCase
TestOutboxModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
