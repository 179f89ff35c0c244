"""The check finds what must not happen, in histories that were doctored; and the triggers write true ones."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame
from tests.faults.history import Effect, Event, check, read_history, record_history
from tests.faults.site import Policy

TRUTH = {"a.png": "cat", "b.png": "dog"}.__getitem__


def burst(counter: int, *sources: str, end: str = "answered") -> list[Event]:
    """The events of a burst from its acceptance to its end."""
    job = f"{counter:08d}-x"
    events = [Event(counter, "accepted", job, counter, sources), Event(counter, "sent", job, counter)]
    if end == "answered":
        events.append(Event(counter, "removed", job, counter))
        events += [Event(counter, "answered", job, counter + place) for place in range(len(sources))]
    elif end == "parked":
        events.append(Event(counter, "parked", job, counter, "failed"))
    elif end == "removed":
        events.append(Event(counter, "removed", job, counter))
    return events


GOOD = [*burst(0, "a.png"), *burst(1, "b.png", "a.png"), *burst(3, "b.png")]
EFFECTS = [Effect(0, "cat"), Effect(1, "dog"), Effect(2, "cat"), Effect(3, "dog")]


def test_a_history_without_faults_is_found_good() -> None:
    found = check(GOOD, EFFECTS, TRUTH, "all", published={"00000000-x"})
    assert (found.all(), found.frames, found.parked) == ([], 4, {})


def test_a_frame_that_is_still_pending_is_lost() -> None:
    found = check([*GOOD, *burst(4, "a.png", end="pending")], EFFECTS, TRUTH, "all")
    assert len(found.lost) == 1


def test_a_frame_that_was_answered_without_an_effect_is_lost() -> None:
    assert len(check(GOOD, EFFECTS[:-1], TRUTH, "all").lost) == 1


def test_a_burst_that_was_half_answered_is_lost() -> None:
    assert len(check(GOOD, [*EFFECTS[:2], EFFECTS[3]], TRUTH, "all").lost) == 1


@pytest.mark.parametrize(("policy", "lost"), [("all", 1), ("latest", 0)])
def test_a_frame_may_be_dropped_only_under_latest(policy: Policy, lost: int) -> None:
    events = [event for event in burst(0, "a.png", end="removed") if event.kind != "sent"]
    assert len(check(events, [], TRUTH, policy).lost) == lost


def test_a_second_effect_is_a_duplicate() -> None:
    assert len(check(GOOD, [*EFFECTS, EFFECTS[-1]], TRUTH, "all").duplicate) == 1


def test_an_effect_of_a_dead_letter_is_a_duplicate() -> None:
    found = check(burst(0, "a.png", end="parked"), [Effect(0, "cat")], TRUTH, "all")
    assert len(found.duplicate) == 1
    assert found.parked == {"00000000-x": "parked: failed"}


def test_another_label_than_the_plain_networks_is_wrong() -> None:
    effects = [*EFFECTS[:-1], replace(EFFECTS[-1], label="cat")]
    assert len(check(GOOD, effects, TRUTH, "all").wrong) == 1


def test_a_label_for_a_frame_that_never_was_is_wrong() -> None:
    assert len(check(GOOD, [*EFFECTS, Effect(9, "cat")], TRUTH, "all").wrong) == 1


def test_a_published_job_that_was_never_accepted_is_wrong() -> None:
    assert len(check(GOOD, EFFECTS, TRUTH, "all", published={"00000009-x"}).wrong) == 1


def test_effects_out_of_order_are_found_under_all() -> None:
    assert len(check(GOOD, [EFFECTS[1], EFFECTS[0], *EFFECTS[2:]], TRUTH, "all").order) == 1


def test_under_latest_nothing_old_is_sent() -> None:
    first, second = burst(0, "a.png"), burst(1, "b.png")
    stale = [first[0], second[0], *first[1:], *second[1:]]
    assert len(check(stale, EFFECTS[:2], TRUTH, "latest").order) == 1
    assert not check([*first, *second], EFFECTS[:2], TRUTH, "latest").order


def test_an_outbox_writes_its_own_history(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    record_history(path)
    outbox, now = Outbox(path, 10**6), time.time()
    for counter, source in enumerate(("a.png", "b.png")):
        frames = (CapturedFrame(source, now),)
        outbox.add(Entry(f"{counter:08d}-x", outbox.next_counter(), frames, 1.0, b"c", "k", "p"))
    outbox.sent("00000000-x", now, now)
    outbox.answer("00000000-x", [(1, b"")], now)
    outbox.park("00000001-x", "failed", "", now)
    outbox.close()
    kinds = [(event.kind, event.counter) for event in read_history(path)]
    assert kinds[:3] == [("accepted", 0), ("accepted", 1), ("sent", 0)]
    assert set(kinds[3:5]) == {("removed", 0), ("answered", 0)}
    assert kinds[5:] == [("parked", 1)]
    assert read_history(path)[0].detail == ("a.png",)
    found = check(read_history(path), [Effect(0, "cat")], TRUTH, "all")
    assert (found.all(), found.parked) == ([], {"00000001-x": "parked: failed"})
