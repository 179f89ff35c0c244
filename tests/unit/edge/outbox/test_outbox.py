"""The outbox keeps what it accepted until the label comes, and each label counts once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import edge.outbox.outbox
from common.errors import OutboxError, OutboxFullError
from common.publishing.events import FrameLabel, decode_event
from edge.outbox.dead_letters import DeadLetters
from edge.outbox.entries import Answer, Counts, Pending
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add, entry, jobs

NOW = 2000.0


class TestAccepting:
    def test_an_entry_comes_back_as_it_was(self, outbox: Outbox) -> None:
        outbox.add(entry(3))
        assert outbox.get(entry(3).job) == Pending(**vars(entry(3)), attempts=0, first_sent_at=None)

    def test_survives_reopening(self, outbox: Outbox, path: Path) -> None:
        job = add(outbox)
        outbox.sent(job, NOW, NOW + 9)
        outbox.close()
        again = Outbox(path, 10_000)
        assert again.get(job) == Pending(**vars(entry(0)), attempts=1, first_sent_at=NOW)
        assert again.next_counter() == 1
        again.close()

    def test_the_bound_is_exact_and_changes_nothing(self, outbox: Outbox) -> None:
        add(outbox, 9_999)
        with pytest.raises(OutboxFullError, match=r"holds 9,999 bytes, so 2 more exceed its bound of 10,000"):
            add(outbox, 2)
        assert outbox.counts() == Counts(accepted=1, pending=1, answered=0, parked=0, dropped=0, bytes=9_999)
        add(outbox, 1)

    def test_an_answer_makes_room(self, outbox: Outbox) -> None:
        job = add(outbox, 10_000)
        outbox.answer(job, [(1, b"")], NOW)
        add(outbox, 10_000)

    def test_a_full_disk_is_said_and_changes_nothing(self, path: Path) -> None:
        outbox = Outbox(path, 10**9)
        job = add(outbox)
        outbox._db._db.execute("PRAGMA max_page_count = 20")
        with pytest.raises(OutboxFullError, match="the disk that holds"):
            add(outbox, 1_000_000)
        assert outbox.counts().accepted == 1
        outbox._db._db.execute("PRAGMA max_page_count = 100000")
        assert outbox.answer(job, [(1, b"")], NOW)
        add(outbox, 1_000_000)
        outbox.close()

    def test_a_job_is_accepted_once(self, outbox: Outbox) -> None:
        outbox.add(entry(5))
        with pytest.raises(OutboxError, match=r"refuses job '00000005-0123456789abcdef', counter 5 .*next_counter"):
            outbox.add(entry(5))
        assert outbox.counts().accepted == 1


class TestAnswering:
    def test_replaces_the_entry_by_its_answer(self, outbox: Outbox) -> None:
        job = add(outbox)
        assert outbox.answer(job, [(7, b"details")], NOW)
        assert outbox.get(job) is None
        assert outbox.answers() == [Answer(job, 0, "frame0.png", 7, NOW, b"details")]
        assert outbox.counts() == Counts(accepted=1, pending=0, answered=1, parked=0, dropped=0, bytes=0)

    def test_records_with_the_answer_what_is_to_be_published_and_so_once(self, path: Path) -> None:
        outbox = Outbox(path, 1000, ["webhook"])
        job = add(outbox)
        event = FrameLabel("cam-a", job, 0, "seven", NOW, NOW)
        assert [outbox.answer(job, [(7, b"")], NOW, events=[event]) for _ in range(2)] == [True, False]
        outbox.close()
        again = Outbox(path, 1000)
        assert [decode_event(each.body) for each in again.outgoing.first("webhook", 10)] == [event]
        again.close()

    def test_counts_alarms_with_the_answer_and_so_once(self, outbox: Outbox) -> None:
        job = add(outbox, frames=3)
        labels = [(7, b"")] * 3
        assert [outbox.answer(job, labels, NOW, alarms=2) for _ in range(2)] == [True, False]
        assert outbox.counts().alarms == 2

    def test_a_label_that_comes_again_changes_nothing(self, outbox: Outbox) -> None:
        job = add(outbox)
        assert [outbox.answer(job, [(label, b"")], NOW) for label in (7, 8)] == [True, False]
        assert [answer.label for answer in outbox.answers()] == [7]
        assert outbox.counts().answered == 1

    def test_a_label_nobody_waits_for_changes_nothing(self, outbox: Outbox) -> None:
        assert not outbox.answer("00000009-0123456789abcdef", [(1, b"")], NOW)
        assert outbox.answers() == []

    def test_threads_that_race_with_one_label_apply_it_once(self, outbox: Outbox) -> None:
        job = add(outbox)
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda label: outbox.answer(job, [(label, b"")], NOW), range(8)))
        assert sorted(results) == [False] * 7 + [True]
        assert len(outbox.answers()) == 1

    def test_answers_come_in_order_of_capture(self, outbox: Outbox) -> None:
        for job in reversed([add(outbox) for _ in range(4)]):
            outbox.answer(job, [(1, b"")], NOW)
        assert [answer.counter for answer in outbox.answers()] == [0, 1, 2, 3]

    def test_only_the_last_answers_are_kept(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(edge.outbox.outbox, "KEPT_ANSWERS", 3)
        for _ in range(5):
            outbox.answer(add(outbox), [(1, b"")], NOW)
        assert [answer.counter for answer in outbox.answers()] == [1, 2, 3, 4]  # the last burst on top
        assert outbox.counts().answered == 5

    def test_none_is_forgotten_before_it_is_written_out(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(edge.outbox.outbox, "KEPT_ANSWERS", 1)
        first, *others = [add(outbox) for _ in range(6)]
        for job in others:
            outbox.answer(job, [(1, b"details")], NOW)
        assert outbox.unwritten(10) == []  # they wait for the first
        outbox.answer(first, [(1, b"the first")], NOW)
        assert [details for _, details in outbox.unwritten(2)] == [b"the first", b"details"]
        assert [answer.counter for answer in outbox.answers()] == [0, 1, 2, 3, 4, 5]
        outbox.mark(number for number, _ in outbox.unwritten(10))
        assert outbox.unwritten(10) == []
        outbox.answer(add(outbox), [(1, b"details")], NOW)
        assert [answer.counter for answer in outbox.answers()] == [0, 6]  # the last burst, and the kept one before


class TestParking:
    def test_a_dead_letter_still_counts_towards_the_bound(self, outbox: Outbox) -> None:
        assert outbox.park(add(outbox, 9_000), "deadline", "no label within 60 s", NOW)
        assert outbox.counts() == Counts(accepted=1, pending=0, answered=0, parked=1, dropped=0, bytes=9_000)
        with pytest.raises(OutboxFullError):
            add(outbox, 1_001)

    def test_a_dead_letter_is_neither_sent_nor_answered_nor_parked_again(self, outbox: Outbox) -> None:
        job = add(outbox)
        outbox.park(job, "deadline", "", NOW)
        assert outbox.due(NOW + 100, 10) == []
        assert outbox.get(job) is None
        assert not outbox.answer(job, [(1, b"")], NOW)
        assert not outbox.park(job, "oversized", "", NOW)

    def test_under_latest_a_retried_one_is_not_dropped_for_a_newer_frame(self, outbox: Outbox, path: Path) -> None:
        job = add(outbox)
        outbox.park(job, "deadline", "", NOW)
        letters = DeadLetters(path)
        letters.retry(job)
        letters.close()
        assert outbox.drop_unsent(keep=0) == 0


class TestDropping:
    def test_keeps_the_newest_and_what_was_sent(self, outbox: Outbox, path: Path) -> None:
        all_jobs = [add(outbox) for _ in range(5)]
        outbox.sent(all_jobs[0], NOW, NOW)
        assert outbox.drop_unsent() == 3
        assert jobs(outbox.due(NOW, 10)) == [all_jobs[0], all_jobs[4]]
        outbox.close()
        again = Outbox(path, 10_000)
        assert again.counts() == Counts(accepted=5, pending=2, answered=0, parked=0, dropped=3, bytes=200)
        again.close()

    def test_can_drop_them_all(self, outbox: Outbox) -> None:
        for _ in range(3):
            add(outbox)
        assert outbox.drop_unsent(keep=0) == 3
        assert outbox.drop_unsent(keep=0) == 0


class TestBursts:
    """Frames that share a ciphertext are accepted, answered, parked and dropped together, and counted one by one."""

    def test_come_back_with_all_their_frames(self, outbox: Outbox) -> None:
        job = add(outbox, frames=3)
        pending = outbox.get(job)
        assert pending == Pending(**vars(entry(0, frames=3)), attempts=0, first_sent_at=None)
        assert [frame.source for frame in pending.frames] == ["frame0.png", "frame1.png", "frame2.png"]
        assert outbox.counts() == Counts(accepted=3, pending=3, answered=0, parked=0, dropped=0, bytes=100)
        assert outbox.next_counter() == 3

    def test_every_frame_gets_its_own_answer(self, outbox: Outbox) -> None:
        add(outbox)
        job = add(outbox, frames=3)
        assert outbox.answer(job, [(7, b"a"), (8, b"b"), (9, b"c")], NOW)
        assert outbox.answers() == [
            Answer(job, 1, "frame1.png", 7, NOW, b"a"),
            Answer(job, 2, "frame2.png", 8, NOW, b"b"),
            Answer(job, 3, "frame3.png", 9, NOW, b"c"),
        ]
        assert outbox.counts() == Counts(accepted=4, pending=1, answered=3, parked=0, dropped=0, bytes=100)

    def test_as_many_labels_as_frames_or_none_of_them(self, outbox: Outbox) -> None:
        job = add(outbox, frames=3)
        with pytest.raises(ValueError, match="shorter"):
            outbox.answer(job, [(7, b""), (8, b"")], NOW)
        assert outbox.answers() == []
        assert outbox.counts().pending == 3

    def test_are_parked_and_dropped_whole(self, outbox: Outbox) -> None:
        parked, sent, _, _ = (add(outbox, frames=frames) for frames in (2, 3, 4, 5))
        outbox.park(parked, "deadline", "", NOW)
        outbox.sent(sent, NOW, NOW)
        assert outbox.drop_unsent(keep=1) == 4
        assert outbox.counts() == Counts(accepted=14, pending=8, answered=0, parked=2, dropped=4, bytes=300)


class TestCounter:
    def test_never_gives_a_number_twice(self, outbox: Outbox, path: Path) -> None:
        given = [outbox.next_counter() for _ in range(3)]
        outbox.close()
        again = Outbox(path, 10_000)
        given.append(again.next_counter())
        again.close()
        assert given == [0, 1, 2, 3]

    def test_not_even_to_threads_or_a_second_connection(self, outbox: Outbox, path: Path) -> None:
        other = Outbox(path, 10_000)
        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(lambda i: (outbox, other)[i % 2].next_counter(), range(64)))
        other.close()
        assert sorted(given) == list(range(64))


def test_threads_may_use_it_at_once(path: Path) -> None:
    outbox = Outbox(path, 10**6)

    def live(number: int) -> None:
        for _ in range(10):
            job = add(outbox)
            outbox.sent(job, NOW, NOW)
            assert outbox.answer(job, [(number, b"")], NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(4)))
    assert outbox.counts() == Counts(accepted=40, pending=0, answered=40, parked=0, dropped=0, bytes=0)
    outbox.close()


def test_a_counter_that_a_trigger_in_the_file_took_away_is_our_error(outbox: Outbox, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TRIGGER t AFTER UPDATE ON totals BEGIN UPDATE totals SET value = x'ff'; END")
    outbox.next_counter()
    for ask in (outbox.next_counter, outbox.upcoming_counter):
        with pytest.raises(OutboxError, match="holds no counter any more"):
            ask()
