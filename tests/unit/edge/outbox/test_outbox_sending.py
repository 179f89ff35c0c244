"""When the outbox's entries are due, and what it tells of those that wait."""

from dataclasses import replace
from pathlib import Path

from edge.outbox.dead_letters import DeadLetters
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add, entry, jobs

NOW = 2000.0


def test_due_entries_come_in_order_of_capture(outbox: Outbox) -> None:
    for counter in (2, 0, 1):
        outbox.add(entry(counter))
    assert [item.counter for item in outbox.due(NOW, 10)] == [0, 1, 2]
    assert [item.counter for item in outbox.due(NOW, 2)] == [0, 1]
    assert outbox.due(NOW, 0) == []


def test_a_sent_entry_is_due_again_at_its_time(outbox: Outbox) -> None:
    job = add(outbox)
    outbox.sent(job, NOW, NOW + 10)
    assert outbox.due(NOW + 9.9, 10) == []
    assert jobs(outbox.due(NOW + 10, 10)) == [job]


def test_the_first_time_of_sending_is_kept(outbox: Outbox) -> None:
    job = add(outbox)
    outbox.sent(job, NOW, NOW + 1)
    outbox.sent(job, NOW + 1, NOW + 3)
    pending = outbox.get(job)
    assert pending is not None
    assert (pending.attempts, pending.first_sent_at) == (2, NOW)


def test_deferring_moves_the_next_attempt_only(outbox: Outbox) -> None:
    job = add(outbox)
    outbox.defer(job, NOW + 5)
    assert outbox.due(NOW, 10) == []
    (pending,) = outbox.due(NOW + 5, 10)
    assert (pending.attempts, pending.first_sent_at) == (0, None)


def test_all_are_due_at_once_when_what_was_planned_no_longer_holds(outbox: Outbox) -> None:
    sent, deferred, parked = add(outbox, 0), add(outbox, 1), add(outbox, 2)
    outbox.sent(sent, NOW, NOW + 10)
    outbox.defer(deferred, NOW + 1e9)
    outbox.park(parked, "failed", "", NOW)
    outbox.all_due()
    assert jobs(outbox.due(NOW, 9)) == [sent, deferred]


def test_planning_many_anew_does_not_write_their_ciphertexts_again(path: Path) -> None:
    outbox = Outbox(path, 10**9)
    for _ in range(20):
        outbox.sent(add(outbox, 100_000), NOW + 0.5, NOW + 20.5)
    for plan in (outbox.all_due, lambda: outbox.defer_plan("p" * 64, NOW + 30.5), outbox.all_due):
        outbox._db._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        plan()
        assert path.with_name(f"{path.name}-wal").stat().st_size < 500_000
    outbox.close()


def test_tells_what_waits_for_too_long_a_retried_one_since_it_was_sent(outbox: Outbox, path: Path) -> None:
    first, second, third = add(outbox), add(outbox), add(outbox)  # captured at 1000, 1001 and 1002
    assert outbox.overdue(1001.5, 9) == [first, second]
    assert outbox.overdue(1001.5, 1) == [first]
    outbox.park(first, "deadline", "", NOW)
    DeadLetters(path).retry(first)
    assert outbox.overdue(1001.5, 1) == [second]
    outbox.sent(first, NOW, NOW)
    assert outbox.overdue(NOW + 1, 9) == [first, second, third]


def test_entries_of_a_plan_are_deferred_together(outbox: Outbox) -> None:
    old, later, new = (entry(counter) for counter in range(3))
    for each in (old, later, replace(new, plan="b" * 64)):
        outbox.add(each)
    outbox.defer(later.job, NOW + 20)
    outbox.defer_plan(old.plan, NOW + 10)
    assert jobs(outbox.due(NOW, 9)) == [new.job]
    assert jobs(outbox.due(NOW + 10, 9)) == [old.job, new.job]
    assert jobs(outbox.due(NOW + 20, 9)) == [old.job, later.job, new.job]


def test_tells_when_the_first_pending_capture_was(outbox: Outbox) -> None:
    assert outbox.oldest_captured_at() is None
    first, second, _ = add(outbox), add(outbox), add(outbox)
    outbox.answer(second, [(1, b"")], NOW)
    assert outbox.oldest_captured_at() == 1000.0
    outbox.park(first, "deadline", "", NOW)
    assert outbox.oldest_captured_at() == 1002.0


def test_tells_which_key_sets_and_plans_its_entries_need_parked_ones_too(outbox: Outbox) -> None:
    assert outbox.users() == set()
    outbox.park(add(outbox), "deadline", "", NOW)
    assert outbox.users() == {("k" * 64, "p" * 64)}


def test_recording_an_attempt_of_an_answered_job_does_nothing(outbox: Outbox) -> None:
    job = add(outbox)
    outbox.answer(job, [(1, b"")], NOW)
    outbox.sent(job, NOW, NOW)
    outbox.defer(job, NOW)
    assert outbox.due(NOW, 10) == []
