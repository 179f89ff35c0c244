"""What a device's outbox holds: bursts of frames, their answers, and how many of each.

A burst is the frames, one or more, that share a ciphertext.
"""

from dataclasses import dataclass

from edge.outbox.outbox_file import CapturedFrame


@dataclass(frozen=True)
class Entry:
    """A burst: its job, its frames in order of capture, its ciphertext, and for whom that is.

    Its frames have the capture counters `counter`, `counter` + 1, and so on.
    """

    job: str
    counter: int
    frames: tuple[CapturedFrame, ...]
    encrypt_ms: float
    ciphertext: bytes
    key_set: str
    plan: str


@dataclass(frozen=True)
class Pending(Entry):
    """An entry without an answer; `attempts` counts how often it was sent, since the last of `retries`."""

    attempts: int
    first_sent_at: float | None
    retries: int = 0

    @property
    def waits_since(self) -> float | None:
        """From when on its deadline counts (epoch, s): its capture; for a retried one its sending, None before that."""
        return self.first_sent_at if self.retries else self.frames[0].captured_at


@dataclass(frozen=True)
class Answer:
    """A frame's label (its index, or -1 where only its site's console knows it) and when it took effect (epoch, s)."""

    job: str
    counter: int
    source: str
    label: int
    answered_at: float
    details: bytes


@dataclass(frozen=True)
class Counts:
    """Frames: accepted = pending + answered + parked + dropped; `bytes` are those that count towards the bound.

    `alarms` are answered ones that were known answers and got another label.
    """

    accepted: int
    pending: int
    answered: int
    parked: int
    dropped: int
    bytes: int
    alarms: int = 0
