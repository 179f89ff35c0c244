"""Entries for the tests of the outbox."""

from collections.abc import Sequence

from edge.outbox.entries import Entry, Pending
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame


def entry(counter: int, size: int = 100, frames: int = 1) -> Entry:
    """A burst of so many frames from a counter on, whose ciphertext is `size` bytes."""
    return Entry(
        job=job(counter),
        counter=counter,
        frames=tuple(CapturedFrame(f"frame{n}.png", 1000.0 + n) for n in range(counter, counter + frames)),
        encrypt_ms=12.5,
        ciphertext=bytes([counter % 256]) * size,
        key_set="k" * 64,
        plan="p" * 64,
    )


def job(counter: int) -> str:
    """The job of the burst whose first frame has this counter."""
    return f"{counter:08d}-0123456789abcdef"


def jobs(pending: Sequence[Pending]) -> list[str]:
    """The jobs of entries."""
    return [each.job for each in pending]


def add(outbox: Outbox, size: int = 100, frames: int = 1) -> str:
    """Add a burst under the next counters; returns its job."""
    made = entry(outbox.next_counter(frames), size, frames)
    outbox.add(made)
    return made.job
