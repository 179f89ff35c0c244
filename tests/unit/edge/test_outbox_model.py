"""Whatever happens in whatever order: accepted = pending + answered + parked + dropped."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.errors import OutboxFullError
from edge.outbox import Entry, Outbox
from tests.unit.edge.entries import entry

_BOUND = 500


class OutboxMachine(RuleBasedStateMachine):
    """The outbox next to dictionaries that do the same in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.sqlite"
        self.outbox = Outbox(self.path, _BOUND)
        self.counter = 0
        self.pending: dict[str, Entry] = {}
        self.parked: dict[str, Entry] = {}
        self.sent: set[str] = set()
        self.answers: dict[str, int] = {}
        self.accepted = self.dropped = 0

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()

    def used(self) -> int:
        return sum(len(item.ciphertext) for item in (*self.pending.values(), *self.parked.values()))

    @rule(size=st.integers(0, 200))
    def add(self, size: int) -> None:
        counter = self.outbox.next_counter()
        assert counter == self.counter
        self.counter += 1
        made = entry(counter, size)
        fits = self.used() + size <= _BOUND
        try:
            self.outbox.add(made)
        except OutboxFullError:
            assert not fits
            return
        assert fits
        self.pending[made.job] = made
        self.accepted += 1

    @rule(back=st.integers(1, 5))
    def send(self, back: int) -> None:
        job = self.job(back)
        self.outbox.sent(job, 0, 0)
        if job in self.pending:
            self.sent.add(job)

    @rule(back=st.integers(1, 5), label=st.integers(0, 9))
    def answer(self, back: int, label: int) -> None:
        job = self.job(back)
        waited = self.pending.pop(job, None) is not None
        assert self.outbox.answer(job, label, 0) == waited
        if waited:
            self.answers[job] = label

    @rule(back=st.integers(1, 5))
    def park(self, back: int) -> None:
        job = self.job(back)
        waited = self.pending.pop(job, None)
        assert self.outbox.park(job, "deadline", "", 0) == (waited is not None)
        if waited is not None:
            self.parked[job] = waited

    @rule(keep=st.integers(0, 2))
    def drop(self, keep: int) -> None:
        unsent = sorted(self.pending.keys() - self.sent)
        gone = unsent[: max(len(unsent) - keep, 0)]
        assert self.outbox.drop_unsent(keep) == len(gone)
        for job in gone:
            del self.pending[job]
        self.dropped += len(gone)

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
        assert [item.job for item in self.outbox.due(0, 100)] == sorted(self.pending)
        assert [item.job for item in self.outbox.parked()] == sorted(self.parked)
        assert {item.job: item.label for item in self.outbox.answers()} == self.answers

    def job(self, back: int) -> str:
        """One of the last jobs, which may be in any state, or one that never was."""
        return entry(max(self.counter - back, 0)).job


TestOutboxModel = OutboxMachine.TestCase
TestOutboxModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
