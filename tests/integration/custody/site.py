"""A site on real servers: its fleet, its key set, and the console that a test starts."""

from dataclasses import dataclass
from pathlib import Path

from blindsight.demo.processes import Service
from common.keys.key_set import KeySet
from console.record.record import Check, FrameLabel, Record
from edge.labels.results import Result
from edge.outbox.outbox import Outbox
from tests.integration.fleet import Fleet

#: Every frame of a device sent again after so many seconds without a receipt.
RETRY = ("--retry-after", "2")
PLAIN = "blindsight/v1/console/plain/all"


@dataclass
class Site:
    """A fleet, a site's key set, and the console that a test starts."""

    fleet: Fleet
    key_set: KeySet
    public: Path
    console: Path

    def start_console(self, *extra: str) -> Service:
        return self.fleet.start_console(self.key_set.folder, self.console, *extra)

    def start_device(self, name: str, pictures: Path, *extra: str) -> Service:
        custody = ("--custody", "site", "--keys", str(self.public))
        return self.fleet.start_device(name, pictures, *custody, *extra, state=self.state(name))

    def state(self, device: str) -> Path:
        """A device's folder, beside the console's: a test's own."""
        return self.console.parent / device

    def results(self, device: str) -> list[Result]:
        return self.fleet.results(device, self.state(device))

    def labels(self, device: str) -> list[FrameLabel]:
        if not (self.console / "labels.sqlite").exists():
            return []  # the console is only starting
        record = Record(self.console / "labels.sqlite")
        found = [label for label in record.labels() if label.device == device]
        record.close()
        return found

    def checks(self, device: str) -> list[Check]:
        record = Record(self.console / "labels.sqlite")
        found = [check for check in record.checks() if check.device == device]
        record.close()
        return found

    def check(self, device: str, truth: list[str]) -> None:
        """Every frame was labelled by the console exactly once, and its device knows that it was, no more."""
        labels = sorted(self.labels(device), key=lambda label: label.counter)
        assert [(label.counter, label.label) for label in labels] == list(enumerate(truth))
        results = self.results(device)
        assert [(result.counter, result.label) for result in results] == [(n, None) for n in range(len(truth))]
        outbox = Outbox(self.state(device) / "outbox.sqlite", 10**9)
        counts = outbox.counts()
        outbox.close()
        assert (counts.answered, counts.pending, counts.parked) == (len(truth), 0, 0)


def end(fleet: Fleet, service: Service, number: int) -> None:
    """Stop a service and forget it, so that the next one may have its name."""
    if service.running:
        service.process.send_signal(number)
    service.process.wait(30)
    fleet.services.started.remove(service)


def running_worker(fleet: Fleet) -> Service:
    return next(each for each in fleet.services.started if each.name == "worker")


def running_console(site: Site) -> Service:
    (console,) = [each for each in site.fleet.services.started if each.name == "console" and each.running]
    return console
