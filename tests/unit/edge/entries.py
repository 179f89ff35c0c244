"""Entries for the tests of the outbox."""

from edge.outbox import Entry, Outbox


def entry(counter: int, size: int = 100) -> Entry:
    """An entry whose ciphertext is `size` bytes."""
    return Entry(
        job=f"{counter:08d}-0123456789abcdef",
        counter=counter,
        source=f"frame{counter}.png",
        captured_at=1000.0 + counter,
        encrypt_ms=12.5,
        ciphertext=bytes([counter % 256]) * size,
        key_set="k" * 64,
        plan="p" * 64,
    )


def add(outbox: Outbox, size: int = 100) -> str:
    """Add an entry under the next counter; returns its job."""
    made = entry(outbox.next_counter(), size)
    outbox.add(made)
    return made.job
