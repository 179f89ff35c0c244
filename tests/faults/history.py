"""What happened to every frame, recorded where it happens, and what must hold of it.

As Jepsen does (jepsen.io), a history is recorded while faults strike, and checked afterwards. An
outbox's own triggers write it, in the same transactions as the changes that it tells of; a device's
labels take effect in its file of results, or under site custody in the console's record.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import decode_frames

Kind = Literal["accepted", "sent", "answered", "parked", "retried", "removed"]

_NOW = "(julianday('now') - 2440587.5) * 86400"
_RECORD = f"INSERT INTO history (at, kind, job, counter, detail) VALUES ({_NOW}, '%s', %s); END"
_TRIGGERS = (
    "CREATE TABLE history (id INTEGER PRIMARY KEY, at REAL, kind TEXT, job TEXT, counter INTEGER, detail)",
    "CREATE TRIGGER accepted AFTER INSERT ON entries BEGIN "
    + _RECORD % ("accepted", "new.job, new.counter, new.frames"),
    "CREATE TRIGGER sent AFTER UPDATE OF attempts ON entries WHEN new.attempts > old.attempts BEGIN "
    + _RECORD % ("sent", "new.job, new.counter, NULL"),
    "CREATE TRIGGER parked AFTER UPDATE OF state ON entries WHEN new.state = 'parked' BEGIN "
    + _RECORD % ("parked", "new.job, new.counter, new.reason"),
    "CREATE TRIGGER retried AFTER UPDATE OF state ON entries WHEN old.state = 'parked' BEGIN "
    + _RECORD % ("retried", "new.job, new.counter, NULL"),
    "CREATE TRIGGER answered AFTER INSERT ON answers BEGIN " + _RECORD % ("answered", "new.job, new.counter, NULL"),
    "CREATE TRIGGER removed AFTER DELETE ON entries BEGIN " + _RECORD % ("removed", "old.job, old.counter, NULL"),
)


@dataclass(frozen=True)
class Event:
    """A burst was accepted, sent, parked, retried or removed, or a frame answered; `counter` is the (first) frame's."""

    at: float
    kind: Kind
    job: str
    counter: int
    detail: str | tuple[str, ...] | None = None  # accepted: its frames' sources; parked: the reason


@dataclass(frozen=True)
class Effect:
    """A label took effect: it stands where whoever reads labels reads them."""

    counter: int
    label: str


@dataclass
class Findings:
    """What was wrong, as sentences, and the number of frames that were accepted."""

    frames: int = 0
    lost: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)

    def all(self) -> list[str]:
        """Everything that may not be. What was parked is visible, and judged by who knows the fault."""
        return [*self.lost, *self.duplicate, *self.wrong, *self.order]


def record_history(outbox: Path) -> None:
    """Make a device's outbox, and the triggers that write its history."""
    Outbox(outbox, 10**9).close()
    with closing(sqlite3.connect(outbox)) as db:
        for statement in _TRIGGERS:
            db.execute(statement)
        db.commit()


def read_history(outbox: Path) -> list[Event]:
    """A device's history so far."""
    with closing(sqlite3.connect(outbox, timeout=30)) as db:
        rows = db.execute("SELECT at, kind, job, counter, detail FROM history ORDER BY id").fetchall()
    return [Event(at, kind, job, counter, _detail(kind, detail)) for at, kind, job, counter, detail in rows]


def last_accepted(outbox: Path) -> int:
    """The counter of the last frame that a device has accepted; -1 for none."""
    with closing(sqlite3.connect(outbox, timeout=30)) as db:
        query = "SELECT counter, detail FROM history WHERE kind = 'accepted' ORDER BY id DESC LIMIT 1"
        row = db.execute(query).fetchone()
    return -1 if row is None else int(row[0]) + len(decode_frames(row[1])) - 1


def count_pending(outbox: Path, mark: int) -> int:
    """How many bursts up to a counter are pending; cheap, to be asked often."""
    with closing(sqlite3.connect(outbox, timeout=30)) as db:
        query = "SELECT count(*) FROM entries WHERE state = 'pending' AND counter <= ?"
        return int(db.execute(query, (mark,)).fetchone()[0])


def check(
    events: Sequence[Event],
    effects: Sequence[Effect],
    truth: Callable[[str], str],
    policy: Literal["all", "latest"],
    published: Iterable[str] = (),
) -> Findings:
    """Judge a device's history once all is drained: every accepted frame has one effect, the right one.

    `truth` gives each source's label by the plain network; `published` are the jobs that anybody saw on
    the device's topic. Effects are in the order in which they took place.
    """
    sources, ends = _frames(events), _ends(events)
    found = Findings(frames=len(sources), parked={job: end for job, end in ends.items() if end.startswith("parked")})
    times = Counter(effect.counter for effect in effects)
    for counter, (job, _) in sources.items():
        end = ends.get(job, "pending")
        expected = 1 if end == "answered" else 0
        if end == "pending" or (end == "removed" and policy == "all") or times[counter] < expected:
            found.lost.append(f"frame {counter} ({job}): {end}, {times[counter]} effects")
        if times[counter] > expected:
            found.duplicate.append(f"frame {counter} ({job}): {end}, {times[counter]} effects")
    for effect in effects:
        _check_effect(effect, sources, truth, found)
    found.wrong += [f"job {job} was published and never accepted" for job in set(published) - {e.job for e in events}]
    _check_order(events, effects, policy, found)
    return found


def _frames(events: Sequence[Event]) -> dict[int, tuple[str, str]]:
    """Of each frame that was accepted, by its counter: its job and source."""
    return {
        event.counter + place: (event.job, source)
        for event in events
        if event.kind == "accepted"
        for place, source in enumerate(event.detail or ())
    }


def _ends(events: Sequence[Event]) -> dict[str, str]:
    """How each burst ended: "answered", "parked: reason", or "removed", which is to say dropped."""
    ends: dict[str, str] = {}
    for event in events:
        if event.kind == "parked":
            ends[event.job] = f"parked: {event.detail}"
        elif event.kind == "retried":
            del ends[event.job]
        elif event.kind == "answered":
            ends[event.job] = "answered"
        elif event.kind == "removed":
            ends.setdefault(event.job, "removed")
    # An answered entry is removed before its answers are written, in one transaction.
    answered = {event.job for event in events if event.kind == "answered"}
    return {job: "answered" if job in answered else end for job, end in ends.items()}


def _check_effect(
    effect: Effect, sources: Mapping[int, tuple[str, str]], truth: Callable[[str], str], found: Findings
) -> None:
    if effect.counter not in sources:
        found.wrong.append(f"a label for frame {effect.counter}, which was never accepted")
        return
    job, source = sources[effect.counter]
    if effect.label != truth(source):
        found.wrong.append(f"frame {effect.counter} ({job}, {source}) is {truth(source)!r}, labelled {effect.label!r}")


def _check_order(events: Sequence[Event], effects: Sequence[Effect], policy: str, found: Findings) -> None:
    """Under `all`, labels take effect in order of capture; under `latest`, nothing old is first sent."""
    retried = {event.job for event in events if event.kind == "retried"}
    if policy == "all" and not retried:
        counters = [effect.counter for effect in effects]
        found.order += [
            f"frame {after} took effect after {before}" for before, after in pairwise(counters) if after < before
        ]
    if policy == "latest":
        newest, sent = -1, set()
        for event in events:
            if event.kind == "accepted":
                newest = event.counter
            elif event.kind == "sent" and event.job not in sent:
                sent.add(event.job)
                if event.counter < newest:
                    found.order.append(f"frame {event.counter} was first sent when {newest} was there")


def _detail(kind: str, detail: object) -> str | tuple[str, ...] | None:
    if isinstance(detail, bytes):
        return tuple(frame.source for frame in decode_frames(detail))
    return None if detail is None else str(detail)
