"""A console's site tells what a real record, a real history and the messages that came say."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from blindsight.web.parts.models import model_view
from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.sites.console_site import ConsoleSite, LiveOutput, live_of
from common.errors import ConfigurationError
from common.history.history import History
from common.keys.key_set import KeySet
from common.keys.scores import ScoreReader
from common.service.settings import load_settings
from common.wire.messages import ErrorReply, Receipt
from common.wire.status import Status
from console.record.record import Check, Record
from console.recording import LabelDesk
from tests.unit.console.bench import make_head, make_keys, make_label
from web.site import LabelFilter

HEAD = make_head()
LABELS = np.eye(3)  # the scores of frames that are labelled a, b, c


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(HEAD, tmp_path_factory.mktemp("keys") / "set")


class Bench:
    """A console without its connection, and its site."""

    def __init__(self, folder: Path, key_set: KeySet) -> None:
        self.key_set, self.folder = key_set, folder
        self.record, self.history = Record(folder / "labels.sqlite"), History(folder / "history.sqlite")
        self.desk = LabelDesk([ScoreReader(HEAD, key_set)], self.record, False, None)
        self.live = live_of(self.record)
        self.output = LiveOutput(self.live)
        self.problems = ["the MQTT broker isn't connected"]
        settings = load_settings(
            ConsoleWebSettings, None, {"keys": folder, "plans": [Path("p")], "state": folder, "web": True}
        )
        models = [model_view(HEAD, ())]
        self.site = ConsoleSite(settings, self.live, self.history, models, lambda: self.problems)

    def take(self, device: str, counter: int, labels: str) -> str:
        """A burst whose frames get these labels; its job."""
        job = f"{counter:08d}-0123456789abcdef"
        scores = LABELS[["abc".index(label) for label in labels]]
        reply = make_label(HEAD, self.key_set, scores, job)
        recorded = self.desk.take(device, reply, time.time())
        self.output.burst(device, reply, recorded.receipt)
        self.history.add(recorded.labels)
        return job

    def close(self) -> None:
        self.record.close()
        self.history.close()


@pytest.fixture
def bench(tmp_path: Path, key_set: KeySet) -> Iterator[Bench]:
    made = Bench(tmp_path, key_set)
    yield made
    made.close()


def status(state: str = "online") -> Status:
    return Status(state, "i", 1000.0, "tiny", HEAD.hash, "k" * 64, accepted=9, keeps_frames=True)  # type: ignore[arg-type]


def test_labels_are_those_of_the_history(bench: Bench) -> None:
    bench.take("cam-1", 0, "ab")
    bench.take("cam-2", 0, "c")
    labels = bench.site.labels(LabelFilter(device="cam-1", order="oldest"), None, 10).items
    assert [(label.device, label.counter, label.label) for label in labels] == [("cam-1", 0, "a"), ("cam-1", 1, "b")]


def test_a_card_has_the_last_label_the_spark_and_the_status(bench: Bench) -> None:
    bench.take("cam-1", 0, "ab")
    bench.output.status("cam-1", status())
    card = bench.site.device("cam-1")
    assert card is not None and card.last is not None
    assert (card.last.label, sum(card.spark), card.online, card.accepted, card.custody) == ("b", 2, True, 9, "site")


def test_devices_that_only_told_their_status_or_only_have_labels_are_there(bench: Bench) -> None:
    bench.take("cam-2", 0, "a")
    bench.output.status("cam-1", status("offline"))
    assert [card.device for card in bench.site.devices("", "all", None, 10).items] == ["cam-1", "cam-2"]
    assert bench.site.device("cam-3") is None


def test_the_fleet_is_told_as_far_as_replies_tell(bench: Bench) -> None:
    bench.take("cam-1", 0, "ab")
    bench.output.status("cam-1", status())
    fleet = bench.site.fleet()
    assert fleet.workers is not None
    assert [(worker.name, worker.plans, worker.answered) for worker in fleet.workers] == [("w", {HEAD.hash: "tiny"}, 2)]
    assert [stage.stage for stage in fleet.stages] == ["queue", "keys", "evaluate", "downlink", "decrypt"]
    assert (fleet.devices, fleet.online, fleet.queues, fleet.waiting_bursts) == (1, 1, None, None)
    assert fleet.problems == ("the MQTT broker isn't connected",)


def test_a_console_that_was_started_again_knows_the_times_and_alarms_of_its_record(
    tmp_path: Path, key_set: KeySet
) -> None:
    first = Bench(tmp_path, key_set)
    first.take("cam-1", 0, "ab")
    job = "00000007-0123456789abcdef"
    checks = [Check("cam-1", job, 7, "a", "b", "w"), Check("cam-1", job, 8, "a", "a", "w")]
    first.record.add("cam-1", HEAD.hash, Receipt(1, job, 2, *[time.time()] * 5), [], checks)
    first.close()
    again = Bench(tmp_path, key_set)
    assert len(again.site.fleet().stages) == 5
    assert [(alarm.counter, alarm.expected, alarm.got) for alarm in again.site.alarms("", None, 9).items] == [
        (7, "a", "b")
    ]
    again.close()


def test_alarms_come_and_count_on_the_card(bench: Bench) -> None:
    bench.take("cam-1", 0, "a")
    bench.output.alarm(Check("cam-1", "00000000-0123456789abcdef", 0, "a", "b", "w"))
    card = bench.site.device("cam-1")
    assert card is not None and card.alarms == 1
    assert bench.site.alarms("cam-1", None, 5).items[0].worker == "w"


def test_a_device_that_is_told_to_come_later_is_limited(bench: Bench) -> None:
    bench.output.status("cam-1", status())
    bench.output.refused("cam-1", ErrorReply(1, "00000000-0123456789abcdef", "busy", ""))
    assert [card.device for card in bench.site.devices("", "limited", None, 5).items] == ["cam-1"]


def test_a_story_has_the_label_at_the_console_and_the_scores_as_noise(bench: Bench) -> None:
    job = bench.take("cam-1", 0, "ab")
    bench.output.status("cam-1", status())
    for asked in (job, None):
        story = bench.site.story("cam-1", asked)
        assert story is not None
        told = {holding.party: holding for holding in story.parties}
        assert (story.job, story.label, story.custody) == (job, "a, b", "site")
        assert told["console"].holds == "label"
        assert told["worker"].picture is not None
        assert told["broker"].size == bench.site.models()[0].upload_bytes
        assert "--keep-frames" in told["device"].text
    assert bench.site.story("cam-1", "00000099-0123456789abcdef") is None
    assert bench.site.story("cam-9", None) is None


def test_dead_letters_are_on_the_devices_and_it_says_so(bench: Bench) -> None:
    assert bench.site.dead_letters("cam-1", None, 5).items == ()
    with pytest.raises(ConfigurationError, match="in its own outbox"):
        bench.site.retry("cam-1", ["00000000-0123456789abcdef"])


def test_whatever_comes_changes_the_version(bench: Bench) -> None:
    seen = [bench.site.version()]
    bench.take("cam-1", 0, "a")
    seen.append(bench.site.version())
    bench.output.status("cam-1", status())
    seen.append(bench.site.version())
    assert len(set(seen)) == 3
    assert bench.site.version() == seen[-1]


def test_nothing_that_a_browser_gets_has_a_lead(bench: Bench) -> None:
    bench.take("cam-1", 0, "ab")
    assert "lead" not in repr(list(bench.site.all_labels(LabelFilter())))


def test_the_settings_in_force_are_the_console_s(bench: Bench) -> None:
    assert {"--plans", "--web", "--keep"} <= {view.name for view in bench.site.settings_in_force()}
