"""A device's site tells what its own outbox and history hold, and acts on its dead letters."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from blindsight.web.parts.live import Live
from blindsight.web.settings.device import DeviceWebSettings
from blindsight.web.sites.device_site import DeviceSite, LiveWatcher
from common.history.history import History
from common.publishing.events import FrameLabel
from common.service.settings import load_settings
from common.wire.messages import EncryptedScores, ErrorReply
from edge.agent import Agent
from edge.labels.results import Result, results_of
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox
from edge.service import DeviceAssembly
from models.catalogue import plan_path
from tests.unit.edge.entries import add, job
from web.site import Holding, LabelFilter, LabelView

PLAN = plan_path("digits", 128)


class Bench:
    """A device without its camera and its connection, and its site."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite", max_bytes=100_000)
        self.history, self.live = History(folder / "history.sqlite"), Live()
        self.watcher = LiveWatcher(self.live)
        self.watcher.device = "cam-1"
        settings = load_settings(
            DeviceWebSettings, None, {"state": folder, "plan": PLAN, "camera": "folder:x", "web": True, **options}
        )
        agent = cast(Agent, SimpleNamespace(connected=True, problems=lambda: ["the camera owes a picture"]))
        device = DeviceAssembly(agent, self.outbox, None, self.history, "cam-1", folder, "k" * 64)
        self.site = DeviceSite(device, self.history, settings, self.live, self.picture)

    def picture(self, label: LabelView) -> bytes | None:
        return f"picture of {label.source}".encode()

    def sent(self, size: int = 100) -> Pending:
        """A burst that is under way."""
        pending = self.outbox.get(add(self.outbox, size))
        assert pending is not None
        self.watcher.sent(pending)
        return pending

    def answered(self, pending: Pending, label: str) -> None:
        """Its label has come."""
        now = time.time()
        reply = EncryptedScores(1, pending.job, "a" * 64, "b" * 64, now, now, now + 0.1, now, "w", b"scores")
        results: list[Result] = results_of("cam-1", pending, reply, {}, now, labels=[label], downlink_bytes=6)
        self.outbox.answer(pending.job, [(0, b"")], now)
        self.watcher.answered(reply, results)
        frame = pending.frames[0]
        event = FrameLabel("cam-1", pending.job, pending.counter, label, now, now, source=frame.source)
        self.history.add([event])

    def close(self) -> None:
        self.site.close()
        self.outbox.close()
        self.history.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_the_only_device_is_this_one(bench: Bench) -> None:
    assert [card.device for card in bench.site.devices("", "all", None, 5).items] == ["cam-1"]
    assert bench.site.devices("x", "all", None, 5).items == ()
    assert bench.site.device("cam-2") is None


def test_its_card_has_its_label_and_the_numbers_of_its_outbox(bench: Bench) -> None:
    bench.answered(bench.sent(), "7")
    bench.sent()
    card = bench.site.device("cam-1")
    assert card is not None and card.last is not None
    assert (card.last.label, card.last.source) == ("7", "frame0.png")
    assert (card.online, card.custody, card.model, card.key_set) == (True, "device", "digits", "k" * 64)


def test_numbers_follow_the_outbox(bench: Bench) -> None:
    before = bench.site.version()
    bench.outbox.park(bench.sent().job, "deadline", "late", 2000.0)
    time.sleep(0.35)  # numbers are good for a moment
    card = bench.site.device("cam-1")
    assert card is not None
    assert (card.accepted, card.pending, card.parked, card.parked_by_reason) == (1, 0, 1, {"deadline": 1})
    assert bench.site.version() != before


def told(bench: Bench, asked: str | None) -> dict[str, Holding]:
    story = bench.site.story("cam-1", asked)
    assert story is not None
    return {holding.party: holding for holding in story.parties}


def test_a_pending_burst_s_ciphertext_is_shown_out_of_the_outbox(bench: Bench) -> None:
    pending = bench.sent(5000)
    holdings = told(bench, pending.job)
    assert (holdings["broker"].size, holdings["device"].holds) == (5000, "nothing")


def test_the_last_ciphertext_is_still_known_when_it_has_left_the_outbox(bench: Bench) -> None:
    pending = bench.sent(5000)
    bench.answered(pending, "7")
    holdings = told(bench, None)
    assert (holdings["broker"].size, holdings["worker"].size) == (5000, len(b"scores"))
    assert holdings["device"].picture == b"picture of frame0.png"
    assert holdings["console"].holds == "nothing"


def test_of_an_earlier_burst_the_label_is_known_and_no_ciphertext(bench: Bench) -> None:
    first = bench.sent(5000)
    bench.answered(first, "7")
    bench.answered(bench.sent(5000), "8")
    assert told(bench, first.job)["broker"].picture is None
    assert bench.site.story("cam-1", job(99)) is None


def test_dead_letters_can_be_retried_and_dropped(bench: Bench) -> None:
    jobs = [bench.sent().job for _ in range(3)]
    for each in jobs:
        bench.outbox.park(each, "failed", "why", 2000.0)
    assert [letter.job for letter in bench.site.dead_letters("cam-1", None, 9).items] == jobs[::-1]
    assert bench.site.retry("cam-1", jobs[:1]) == 1
    assert bench.site.drop("cam-1", jobs[1:]) == 2
    assert bench.site.dead_letters("cam-1", None, 9).items == ()


def test_the_fleet_is_who_answers_it(bench: Bench) -> None:
    bench.answered(bench.sent(), "7")
    fleet = bench.site.fleet()
    assert fleet.workers is not None and [worker.name for worker in fleet.workers] == ["w"]
    assert [stage.stage for stage in fleet.stages][:3] == ["encrypt", "uplink", "queue"]
    assert (fleet.devices, fleet.online, fleet.problems) == (1, 1, ("the camera owes a picture",))


def test_alarms_and_limits_are_shown(bench: Bench) -> None:
    reply = EncryptedScores(1, job(1), "a" * 64, "b" * 64, 0, 0, 0, 0, "w", b"")
    bench.watcher.alarm(reply, 3, "a", "b")
    bench.watcher.refused(ErrorReply(1, job(1), "busy", ""))
    card = bench.site.device("cam-1")
    assert card is not None and card.limited
    assert [(alarm.counter, alarm.got) for alarm in bench.site.alarms("cam-1", None, 5).items] == [(3, "b")]


def test_a_device_under_a_site_s_custody_has_no_labels_and_no_workers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, custody="site")
    assert bench.site.labels(LabelFilter(), None, 5).items == ()
    assert bench.site.fleet().workers is None
    bench.close()
