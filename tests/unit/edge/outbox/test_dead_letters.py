"""Dead letters next to a running device: shown, retried with a new deadline, dropped, and exported as ciphertexts."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from common.errors import ConfigurationError, OutboxError
from edge.outbox.dead_letters import DeadLetter, DeadLetters, Selection, find_outbox
from edge.outbox.entries import Counts
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add, entry

NOW = 2000.0


@pytest.fixture
def letters(outbox: Outbox, tmp_path: Path) -> Iterator[DeadLetters]:
    opened = DeadLetters(find_outbox(tmp_path))
    yield opened
    opened.close()


def park(outbox: Outbox, reason: str = "deadline", frames: int = 1) -> str:
    job = add(outbox, frames=frames)
    outbox.sent(job, NOW, NOW + 5)
    outbox.park(job, reason, "why", NOW)
    return job


def test_what_is_held_is_shown_in_order_of_capture(outbox: Outbox, letters: DeadLetters) -> None:
    parked, pending = park(outbox, frames=2), add(outbox)
    first, second = letters.entries()
    assert (first.job, first.frames, first.state, first.size) == (parked, entry(0, frames=2).frames, "parked", 100)
    assert (first.reason, first.detail, first.parked_at, first.attempts) == ("deadline", "why", NOW, 1)
    assert (second.job, second.state, second.reason) == (pending, "pending", None)


def test_a_retried_one_is_due_at_once_as_if_never_sent(outbox: Outbox, letters: DeadLetters) -> None:
    job = park(outbox)
    assert letters.retry(job)
    (pending,) = outbox.due(0, 10)  # whatever the device's clock says
    assert (pending.job, pending.attempts, pending.first_sent_at, pending.retries) == (job, 0, None, 1)
    assert letters.parked() == []
    assert not letters.retry(job)


def test_its_deadline_begins_with_its_next_sending(outbox: Outbox, letters: DeadLetters) -> None:
    job = add(outbox)
    outbox.sent(job, NOW, NOW)
    assert outbox.due(NOW, 1)[0].waits_since == 1000.0  # its capture
    outbox.park(job, "deadline", "", NOW)
    letters.retry(job)
    assert outbox.due(NOW, 1)[0].waits_since is None
    outbox.sent(job, NOW + 50, NOW)
    outbox.sent(job, NOW + 60, NOW)
    assert outbox.due(NOW, 1)[0].waits_since == NOW + 50


def test_dropped_ones_are_counted_in_frames(outbox: Outbox, letters: DeadLetters) -> None:
    job = park(outbox, frames=3)
    assert letters.drop(job)
    assert not letters.drop(job)
    assert outbox.counts() == Counts(accepted=3, pending=0, answered=0, parked=0, dropped=3, bytes=0)


def test_what_is_pending_can_be_neither_retried_nor_dropped(outbox: Outbox, letters: DeadLetters) -> None:
    job = add(outbox)
    assert not letters.retry(job) and not letters.drop(job)
    with pytest.raises(OutboxError, match=f"no dead letter of job '{job}'"):
        letters.select(Selection((job,)))


def test_they_are_chosen_by_job_by_reason_or_all(outbox: Outbox, letters: DeadLetters) -> None:
    first, second, third = park(outbox), park(outbox, "failed"), park(outbox)
    for selection, jobs in (
        (Selection((second, second)), [second]),
        (Selection(reason="deadline"), [first, third]),
        (Selection(everything=True), [first, second, third]),
        (Selection(reason="busy"), []),
    ):
        assert [each.job for each in letters.select(selection)] == jobs
    with pytest.raises(OutboxError, match="give their jobs, --reason REASON, or --all"):
        letters.select(Selection())


def test_an_export_has_a_line_and_a_ciphertext_for_each(outbox: Outbox, letters: DeadLetters, tmp_path: Path) -> None:
    job = park(outbox, frames=2)
    letters.export(letters.parked(), tmp_path / "out")
    (line,) = (tmp_path / "out" / "dead-letters.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(line, type=DeadLetter, strict=True) == DeadLetter(
        job, 0, ("frame0.png", "frame1.png"), (1000.0, 1001.0), "deadline", "why", NOW, "k" * 64, "p" * 64,
        f"{job}.ciphertext",
    )  # fmt: skip
    assert (tmp_path / "out" / f"{job}.ciphertext").read_bytes() == entry(0).ciphertext
    assert outbox.counts().parked == 2
    with pytest.raises(ConfigurationError, match="is there already; give a new folder"):
        letters.export([], tmp_path / "out")


def test_a_folder_without_an_outbox_stays_without_one(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match=r"has no outbox .* the folder that the device has as --state"):
        find_outbox(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_in_a_folder_of_identities_the_only_outbox_is_found_and_several_are_named(tmp_path: Path) -> None:
    for name in ("cam-01", "cam-02"):
        (tmp_path / name).mkdir()
    Outbox(tmp_path / "cam-02" / "outbox.sqlite", 1).close()
    assert find_outbox(tmp_path) == tmp_path / "cam-02" / "outbox.sqlite"
    Outbox(tmp_path / "cam-01" / "outbox.sqlite", 1).close()
    with pytest.raises(OutboxError, match=r"outboxes of 2 devices; .*--state .*cam-01 \(cam-01, cam-02\)"):
        find_outbox(tmp_path)
