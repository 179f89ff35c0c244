"""What a device's outbox holds: entries, which are bursts of frames; their answers; and the numbers of each.

A burst is the frames, one or more, that share a ciphertext.
"""

from dataclasses import dataclass

from edge.outbox.outbox_file import CapturedFrame


@dataclass(frozen=True)
class Entry:
    """A burst: its job, its frames in order of capture, its ciphertext, and the key set and plan of that.

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
    """An entry without an answer.

    `retries` counts how often it was a dead letter that someone retried, and `attempts` how often it was sent since.
    """

    attempts: int
    first_sent_at: float | None
    retries: int = 0

    @property
    def waits_since(self) -> float | None:
        """The time (epoch, s) from which its deadline counts: its capture, or when it was first sent after a retry.

        None where it was retried and isn't sent yet.
        """
        return self.first_sent_at if self.retries else self.frames[0].captured_at


@dataclass(frozen=True)
class Answer:
    """A frame's label, and the time (epoch, s) at which it was recorded.

    `label` is the label's index, or -1 where only its site's console knows it.
    """

    job: str
    counter: int
    source: str
    label: int
    answered_at: float
    details: bytes


@dataclass(frozen=True)
class Counts:
    """Numbers of frames: accepted = pending + answered + parked + dropped. `bytes` count towards the outbox's bound.

    `alarms` are known answers that got another label.
    """

    accepted: int
    pending: int
    answered: int
    parked: int
    dropped: int
    bytes: int
    alarms: int = 0
