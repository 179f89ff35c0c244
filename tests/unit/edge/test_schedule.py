"""When a device sends: a slow start, patience with silence, and other's advice heeded."""

import pytest

from common.wire.messages import ErrorReply, Reason
from edge.schedule import SPREAD, Schedule

NOW, PATIENCE = 1000.0, 10.0
JOBS = [f"{number:08d}-0123456789abcdef" for number in range(20)]


@pytest.fixture
def schedule() -> Schedule:
    """That of a device that returned a while ago."""
    schedule = Schedule(window=4, patience=PATIENCE)
    schedule.returned(NOW - SPREAD)
    return schedule


def reply(reason: Reason, retry_in: float | None = None, job: str = JOBS[0]) -> ErrorReply:
    return ErrorReply(1, job, reason, "", retry_in)


def open_wide(schedule: Schedule) -> None:
    """Let as many bursts be under way as there may ever be."""
    for job in JOBS[10:16]:
        schedule.sent(job, NOW)
        schedule.answered(job)


def test_a_new_device_may_use_the_whole_window_at_once() -> None:
    assert Schedule(4, PATIENCE).room(NOW) == 4


def test_a_device_that_returned_begins_with_one_burst_and_each_answer_allows_one_more(schedule: Schedule) -> None:
    rooms = []
    for job in JOBS[:6]:
        rooms.append(schedule.room(NOW))
        schedule.sent(job, NOW)
        schedule.answered(job)
    assert rooms == [1, 2, 3, 4, 4, 4]


def test_what_is_under_way_takes_room_until_it_is_due_again(schedule: Schedule) -> None:
    due = schedule.sent(JOBS[0], NOW)
    assert schedule.room(NOW) == schedule.room(due - 0.01) == 0
    assert schedule.room(due) == 1


def test_an_answer_counts_once_and_only_to_what_was_sent(schedule: Schedule) -> None:
    schedule.sent(JOBS[0], NOW)
    for job in (JOBS[0], JOBS[0], JOBS[1]):
        schedule.answered(job)
    assert schedule.room(NOW) == 2


def test_a_new_connection_forgets_what_was_under_way_and_begins_with_one(schedule: Schedule) -> None:
    open_wide(schedule)
    schedule.sent(JOBS[0], NOW)
    schedule.returned(NOW)
    assert schedule.room(NOW + SPREAD) == 1


def test_devices_that_return_begin_at_different_times() -> None:
    begun = set()
    for _ in range(100):
        schedule = Schedule(4, PATIENCE)
        schedule.returned(NOW)
        begun.add(next(tenth for tenth in range(1000) if schedule.room(NOW + tenth / 10)))
    assert max(begun) <= 10 * SPREAD and len(begun) > 25


def test_silence_is_waited_for_longer_each_time_but_never_long(schedule: Schedule) -> None:
    waits = [max(Schedule(4, 2.0).sent(JOBS[0], NOW) - NOW for _ in range(100))]
    patient = Schedule(4, 2.0)
    waits += [patient.sent(JOBS[0], NOW) - NOW for _ in range(200)]
    assert 2.0 <= waits[0] <= 4.0
    assert all(2.0 <= wait <= 30.0 for wait in waits)
    assert max(waits[5:]) > 20.0 and min(waits[5:]) < 10.0


def test_silence_halves_what_may_be_under_way(schedule: Schedule) -> None:
    open_wide(schedule)
    due = schedule.sent(JOBS[0], NOW)
    assert schedule.room(due) == 4
    schedule.sent(JOBS[0], due)
    assert schedule.room(due) == 1


def test_a_busy_fleet_gets_nothing_more_until_the_time_it_says(schedule: Schedule) -> None:
    open_wide(schedule)
    schedule.sent(JOBS[0], NOW)
    schedule.sent(JOBS[1], NOW)
    due = schedule.refused(reply("busy", 7.0), NOW)
    assert 7.0 <= due - NOW <= 7.0 * 1.2
    assert schedule.room(due - 0.01) == 0
    schedule.answered(JOBS[1])
    assert schedule.room(due) == 2


@pytest.mark.parametrize(("reason", "retry_in"), [("busy", 5.0), ("busy", None), ("corrupted", None), ("expired", 1.0)])
def test_what_is_answered_is_not_silence(schedule: Schedule, reason: Reason, retry_in: float | None) -> None:
    for _ in range(10):
        schedule.sent(JOBS[0], NOW)
        schedule.refused(reply(reason, retry_in), NOW)
    assert schedule.sent(JOBS[0], NOW) - NOW <= 2 * PATIENCE


def test_what_changed_on_its_way_is_sent_again_soon_and_holds_up_nothing_else(schedule: Schedule) -> None:
    schedule.sent(JOBS[0], NOW)
    assert schedule.refused(reply("corrupted"), NOW) - NOW <= 1.5
    assert schedule.room(NOW) == 1


def test_what_nobody_heard_is_sent_again_soon_and_nothing_before(schedule: Schedule) -> None:
    schedule.sent(JOBS[0], NOW)
    due = schedule.unheard(JOBS[0], NOW)
    assert 1.0 <= due - NOW <= 4.0
    assert (schedule.room(due - 0.01), schedule.room(due)) == (0, 1)


def test_no_advice_silences_a_device_for_long(schedule: Schedule) -> None:
    schedule.sent(JOBS[0], NOW)
    assert schedule.refused(reply("busy", 1e12), NOW) - NOW < 150


def test_a_burst_that_is_parked_makes_room_but_is_no_answer(schedule: Schedule) -> None:
    schedule.sent(JOBS[0], NOW)
    assert schedule.ended(JOBS[0])
    assert schedule.room(NOW) == 1
