"""What the pages and the REST interface ask: a site, as its key holder or its operator sees it.

A key holder's site (a console's, or a device's that keeps its own keys) has labels and readings; an operator's knows
the fleet only. Whoever starts the application gives it one (`blindsight.web`). Nothing here holds a score, a lead made
of scores, a key, a password or a path of a key: what a browser may not have, no type has room for.

Times are in seconds since the epoch unless a name says otherwise; None stands for what isn't known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from common.history.views import (
    Bucket,
    LabelFilter,
    LabelPlot,
    LabelView,
    Order,
    Page,
    ReadingFilter,
    ReadingPlot,
    ReadingPoint,
    ReadingView,
)

#: What a site says of its history, whose types a console and a device need as well.
__all__ = [
    "Bucket",
    "LabelFilter",
    "LabelPlot",
    "LabelView",
    "Order",
    "Page",
    "ReadingFilter",
    "ReadingPlot",
    "ReadingPoint",
    "ReadingView",
]

#: Whose view it is.
Kind = Literal["console", "device", "fleet"]
#: Which devices: all, or those in this condition. `limited` are those whose bursts the bridge holds back.
Condition = Literal["all", "online", "offline", "alarm", "parked", "limited"]


@dataclass(frozen=True)
class DeviceView:
    """A device as a card shows it. `spark` are its labels in each of the last 60 minutes, the oldest first."""

    device: str
    online: bool | None = None
    since: float | None = None
    last: LabelView | None = None
    readings: tuple[ReadingView, ...] = ()
    spark: tuple[int, ...] = ()
    accepted: int | None = None
    answered: int | None = None
    pending: int | None = None
    parked: int | None = None
    dropped: int | None = None
    alarms: int = 0
    limited: bool = False
    model: str = ""
    plan: str = ""
    key_set: str = ""
    custody: Literal["device", "site", ""] = ""
    oldest_pending_s: float | None = None
    parked_by_reason: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DeadLetterView:
    """A burst that was given up: which frames, why, since when, and the size of its ciphertext in bytes."""

    device: str
    job: str
    counter: int
    captured_at: tuple[float, ...]
    reason: str
    detail: str
    parked_at: float
    attempts: int
    retries: int
    key_set: str
    plan: str
    size: int


@dataclass(frozen=True)
class WorkerView:
    """A worker machine: the plans it serves (hash → model), frames at once, frames answered so far.

    A key holder knows only what replies say: the name, and what it has read of that worker since it was started.
    """

    name: str
    plans: dict[str, str]
    concurrency: int | None
    started_at: float | None
    answered: int


@dataclass(frozen=True)
class StageTime:
    """A station of a frame's way, and the median and 95th percentile (ms) of the time that frames spent there."""

    stage: str
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class FleetView:
    """The fleet, as far as whoever asks may know it; None where nothing is known. `problems`: what didn't answer."""

    devices: int
    online: int | None = None
    workers: tuple[WorkerView, ...] | None = None
    waiting_bursts: int | None = None
    waiting_bytes: int | None = None
    queues: dict[str, int] | None = None
    frames_per_second: float | None = None
    stages: tuple[StageTime, ...] = ()
    key_sets: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageView:
    """A stage of a plan: what it computes, its layout as a picture needs it, what it costs and the bits it has left."""

    name: str
    layers: tuple[str, ...]
    shape: tuple[int, ...]
    level: int
    rotations: int
    products: int
    milliseconds: float
    error: float | None = None


@dataclass(frozen=True)
class ModelView:
    """A plan that is served or read here, with its costs as the compiler predicts them.

    Where only the plan's head is here, `stages` is empty and `milliseconds` None.
    """

    model: str
    plan: str
    labels: tuple[str, ...]
    frame_shape: tuple[int, int, int]
    frames_per_ciphertext: int
    security_bits: int
    ring_dimension: int
    prime_bits: tuple[int, ...]
    keys_bytes: int
    upload_bytes: int
    download_bytes: int
    milliseconds: float | None
    error_bound: float | None
    accuracy: float | None
    sealed: bool
    stages: tuple[StageView, ...]


@dataclass(frozen=True)
class Holding:
    """What one party holds of a frame, and its bytes. `picture` is a PNG: the frame, or a ciphertext as grey noise."""

    party: Literal["device", "broker", "bridge", "redis", "worker", "console"]
    holds: Literal["picture", "ciphertext", "label", "nothing"]
    text: str
    size: int | None = None
    sha256: str = ""
    picture: bytes | None = None


@dataclass(frozen=True)
class FrameStory:
    """What each party holds of one burst's frames."""

    device: str
    job: str
    custody: Literal["device", "site"]
    label: str
    at: float
    parties: tuple[Holding, ...]


@dataclass(frozen=True)
class AlarmView:
    """A known answer that a worker got wrong."""

    device: str
    job: str
    counter: int
    expected: str
    got: str
    worker: str
    recorded_at: float


@dataclass(frozen=True)
class SettingView:
    """A setting in force, as the service's help names it. A secret's value is never here: `value` says if it is set."""

    panel: str
    name: str
    value: str
    description: str
    secret: bool = False


class Site(Protocol):
    """A site. Methods may be called from any thread, answer from what is at hand, and raise `BlindsightError`."""

    kind: Kind
    #: The name of the site or device, for titles.
    name: str

    def version(self) -> tuple[int, ...]:
        """Changes whenever something that pages show has changed. Cheap: it is asked several times a second."""

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """Devices whose names contain a text, in order of their names."""

    def device(self, device: str) -> DeviceView | None:
        """One of them."""

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        """Labels, in order of their time. An empty page for a fleet's site."""

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        """Labels over time, in at most so many stretches."""

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        """Readings, in order of their time."""

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        """A device's reading over time; the filter names device and reading."""

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        """All labels of a filter, for an export, without holding them in memory."""

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        """All readings of a filter, likewise."""

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """Known answers that came back wrong; of all devices where `device` is empty."""

    def dead_letters(self, device: str, cursor: str | None, limit: int) -> Page[DeadLetterView]:
        """Bursts that were given up, where this site keeps them (a device's does)."""

    def retry(self, device: str, jobs: Sequence[str]) -> int:
        """Let dead letters be sent again; how many there were of these."""

    def drop(self, device: str, jobs: Sequence[str]) -> int:
        """Delete dead letters for good; how many there were of these."""

    def export_dead_letters(self, device: str, jobs: Sequence[str]) -> Iterator[bytes]:
        """Dead letters as a zip file: a JSON line each, and their ciphertexts."""

    def fleet(self) -> FleetView:
        """The fleet."""

    def models(self) -> tuple[ModelView, ...]:
        """The plans that are served or read here."""

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """What each party holds of a burst; of the device's last one where `job` is None."""

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """The settings in force."""
