"""A site in memory, for the tests of `web` and its screenshots: the same data for the same seed, and it can change."""

import hashlib
import io
import json
import random
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from tests.web_parts import DIGITS, FLEET, SCENES, SETTINGS, noise, picture
from tests.web_records import Records
from web.site import (
    AlarmView,
    Bucket,
    Condition,
    DeadLetterView,
    DeviceView,
    FleetView,
    FrameStory,
    Holding,
    LabelFilter,
    LabelPlot,
    LabelView,
    ModelView,
    Page,
    ReadingFilter,
    ReadingPlot,
    ReadingPoint,
    ReadingView,
    SettingView,
)

T = TypeVar("T")


class MemorySite(Records):
    """The records as `web.site.Site` tells them."""

    def version(self) -> tuple[int, ...]:
        return (self.changes,)

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        self._check()
        with self.lock:
            names = [
                name
                for name in sorted(self.views)
                if search.lower() in name.lower() and _is(condition, self.views[name])
            ]
            page = _page(names, cursor, limit)
            return Page(tuple(self._seen(name) for name in page.items), page.next_cursor)

    def device(self, device: str) -> DeviceView | None:
        self._check()
        with self.lock:
            return self._seen(device) if device in self.views else None

    def _seen(self, device: str) -> DeviceView:
        """A device with what its labels and readings say now."""
        view = self.views[device]
        if self.kind == "fleet":
            return view
        labels, now, minutes = self.labels_of[device], time.time(), [0] * 60
        for label in reversed(labels):
            if label.at <= now - 3600:
                break
            minutes[max(0, 59 - int((now - label.at) // 60))] += 1
        newest = self.readings_of[device][-1:]
        return replace(view, last=labels[-1] if labels else None, readings=tuple(newest), spark=tuple(minutes))

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        self._check()
        with self.lock:
            return _page(self._chosen(wanted), cursor, limit)

    def _chosen(self, wanted: LabelFilter) -> list[LabelView]:
        devices = [wanted.device] if wanted.device else list(self.labels_of)
        chosen = [
            label
            for device in devices
            for label in self.labels_of.get(device, ())
            if wanted.label in ("", label.label)
            and wanted.group in ("", label.group)
            and wanted.region in ("", label.region)
            and (wanted.start is None or label.at >= wanted.start)
            and (wanted.end is None or label.at < wanted.end)
        ]
        return sorted(chosen, key=lambda label: label.at, reverse=wanted.order == "newest")

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        self._check()
        with self.lock:
            chosen = self._chosen(replace(wanted, order="oldest"))
        if not chosen:
            return LabelPlot(60.0, (), ())
        start = chosen[0].at if wanted.start is None else wanted.start
        end = chosen[-1].at if wanted.end is None else wanted.end
        seconds = max(1.0, (end - start) / points)
        stretches: dict[int, Counter[str]] = defaultdict(Counter)
        for label in chosen:
            stretches[int((label.at - start) // seconds)][label.label] += 1
        totals = Counter(label.label for label in chosen)
        buckets = tuple(Bucket(start + number * seconds, dict(counts)) for number, counts in sorted(stretches.items()))
        return LabelPlot(seconds, tuple(label for label, _ in totals.most_common()), buckets)

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        self._check()
        with self.lock:
            return _page(self._chosen_readings(wanted), cursor, limit)

    def _chosen_readings(self, wanted: ReadingFilter) -> list[ReadingView]:
        devices = [wanted.device] if wanted.device else list(self.readings_of)
        chosen = [
            reading
            for device in devices
            for reading in self.readings_of.get(device, ())
            if wanted.name in ("", reading.name)
            and wanted.state in ("", reading.state)
            and (wanted.start is None or reading.at >= wanted.start)
            and (wanted.end is None or reading.at < wanted.end)
        ]
        return sorted(chosen, key=lambda reading: reading.at, reverse=wanted.order == "newest")

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        self._check()
        with self.lock:
            chosen = self._chosen_readings(replace(wanted, order="oldest"))
        if not chosen:
            return ReadingPlot(60.0, wanted.name, "", ())
        start = chosen[0].at if wanted.start is None else wanted.start
        end = chosen[-1].at if wanted.end is None else wanted.end
        seconds = max(1.0, (end - start) / points)
        stretches: dict[int, list[ReadingView]] = defaultdict(list)
        for reading in chosen:
            stretches[int((reading.at - start) // seconds)].append(reading)
        made = []
        for number, readings in sorted(stretches.items()):
            values = [reading.value for reading in readings if reading.value is not None]
            states = Counter(str(reading.state) for reading in readings)
            made.append(ReadingPoint(start + number * seconds, float(values[-1]) if values else None, dict(states)))
        return ReadingPlot(seconds, chosen[0].name, chosen[0].unit, tuple(made))

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        self._check()
        with self.lock:
            chosen = self._chosen(wanted)
        yield from chosen

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        self._check()
        with self.lock:
            chosen = self._chosen_readings(wanted)
        yield from chosen

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        self._check()
        return _page([alarm for alarm in self.alarms_made if device in ("", alarm.device)], cursor, limit)

    def dead_letters(self, device: str, cursor: str | None, limit: int) -> Page[DeadLetterView]:
        self._check()
        return _page(list(self.letters_of.get(device, ())), cursor, limit)

    def retry(self, device: str, jobs: Sequence[str]) -> int:
        taken = self._take(device, jobs)
        self.retried += taken
        return len(taken)

    def drop(self, device: str, jobs: Sequence[str]) -> int:
        taken = self._take(device, jobs)
        self.dropped += taken
        return len(taken)

    def _take(self, device: str, jobs: Sequence[str]) -> list[str]:
        self._check()
        with self.lock:
            letters = self.letters_of.get(device, [])
            taken = [letter.job for letter in letters if letter.job in set(jobs)]
            self.letters_of[device] = [letter for letter in letters if letter.job not in taken]
            if taken:
                self.count_letters(device)
            return taken

    def export_dead_letters(self, device: str, jobs: Sequence[str]) -> Iterator[bytes]:
        self._check()
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for letter in self.letters_of.get(device, ()):
                if not jobs or letter.job in jobs:
                    archive.writestr(f"{letter.job}.json", json.dumps({"job": letter.job, "reason": letter.reason}))
        yield file.getvalue()

    def fleet(self) -> FleetView:
        self._check()
        with self.lock:
            online = sum(view.online is True for view in self.views.values())
            queues = {view.plan: 0 for view in self.views.values()}
            for view in self.views.values():
                queues[view.plan] += view.pending or 0
        return replace(
            FLEET, devices=len(self.views), online=online, queues=queues, waiting_bursts=sum(queues.values())
        )

    def models(self) -> tuple[ModelView, ...]:
        self._check()
        return (DIGITS, SCENES)

    def story(self, device: str, job: str | None) -> FrameStory | None:
        self._check()
        if device not in self.views or not self.labels_of[device]:
            return None
        found = [label for label in self.labels_of[device] if job in (None, label.job)]
        if not found:
            return None
        label, bytes_seen = found[-1], random.Random(found[-1].job).randbytes(135_482)
        digest, grey = hashlib.sha256(bytes_seen).hexdigest(), noise(bytes_seen)
        view = self.views[device]
        size, at_console = len(bytes_seen), Holding("console", "nothing", "The device keeps its labels to itself.")
        if view.custody == "site":
            at_console = Holding("console", "label", f"The label {label.label}, by the site's secret key.", 1)
        middle = (
            Holding("broker", "ciphertext", "The burst on its way, for a moment.", size, digest, grey),
            Holding("bridge", "ciphertext", "The burst, while it checks it.", size, digest, grey),
            Holding("redis", "ciphertext", "The burst, until a worker's answer is published.", size, digest, grey),
            Holding("worker", "ciphertext", "The burst and evaluation keys; no secret key.", size, digest, grey),
        )
        frame = Holding("device", "picture", "The frame that the camera took.", 784, "", picture(label.label))
        custody: Literal["device", "site"] = "device" if view.custody == "device" else "site"
        return FrameStory(device, label.job, custody, label.label, label.at, (frame, *middle, at_console))

    def settings_in_force(self) -> tuple[SettingView, ...]:
        self._check()
        return SETTINGS

    def _check(self) -> None:
        if self.fail:
            raise self.fail


def _page(items: Sequence[T], cursor: str | None, limit: int) -> Page[T]:
    """A part of a list. The cursor is how many items stand before it."""
    first = int(cursor or 0)
    rest = first + limit < len(items)
    return Page(tuple(items[first : first + limit]), str(first + limit) if rest else None)


def _is(condition: Condition, view: DeviceView) -> bool:
    """Whether a device is in a condition."""
    return {
        "all": True,
        "online": view.online is True,
        "offline": view.online is False,
        "alarm": view.alarms > 0,
        "parked": bool(view.parked),
        "limited": view.limited,
    }[condition]
