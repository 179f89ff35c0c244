"""What a console shows, forwards and refuses, on real servers."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from blindsight.demo.servers import free_ports
from common.errors import BrokerError
from common.keys.key_set import create_key_set
from common.publishing.events import plain
from common.publishing.ways.topic import TopicWay
from common.service.settings import ServiceSettings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.messages import EncryptedScores
from console.record.record import FrameLabel
from models.catalogue import model_folder
from tests.integration.custody.site import PLAIN, RETRY, Site, end, running_worker
from tests.integration.fleet import Fleet, problems, wait_for, write_pictures
from tests.integration.workers.test_known_answers import start_cheat
from tests.plans import digits
from tests.unit.common.publishing.ways.home_assistant.home_broker import home_broker, subscriber

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


def test_labels_are_printed_and_forwarded_without_scores(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(4))
    program = tmp_path / "program.py"
    program.write_text("import sys\nopen(sys.argv[1], 'ab').write(sys.stdin.buffer.read())\n")
    out = tmp_path / "forwarded.jsonl"
    command = f"{sys.executable} {program} {out}"
    with site.fleet.client("cam-h", PLAIN) as (_, forwarded):
        console = site.start_console("--json", "--forward-topic", PLAIN, "--forward-command", command)
        device = site.start_device("cam-g", tmp_path / "camera", "--exit-when-done", *RETRY)
        assert device.process.wait(60) == 0, device.tail()
        wait_for("the labels on the topic", lambda: len(forwarded) == 4)
        wait_for("the labels at the program", lambda: out.exists() and len(out.read_bytes().splitlines()) == 4)
    printed = [json.loads(line) for line in console.log.read_text().splitlines() if line.startswith("{")]
    assert [(line["device"], line["counter"], line["label"]) for line in printed] == [
        ("cam-g", counter, label) for counter, label in enumerate(truth)
    ]
    assert all(line["lead"] > 0 for line in printed)
    # The device alone knew when it took the pictures. It told nobody but the console.
    captured = [result.captured_at for result in site.results("cam-g")]
    assert [line["captured_at"] for line in printed] == pytest.approx(captured, abs=0.001)
    plain = [{name: value for name, value in line.items() if name != "lead"} for line in printed]
    assert [json.loads(message.payload) for message in forwarded] == plain
    assert [json.loads(line) for line in out.read_text().splitlines()] == plain


def test_a_topic_that_the_broker_refuses_forwards_nothing_and_says_so(site: Site) -> None:
    settings = ServiceSettings(
        mqtt_port=site.fleet.servers.mqtt_port,
        mqtt_username="cam-h",
        mqtt_password_file=site.fleet.servers.password_file("cam-h"),
    )
    connection = MqttConnection(settings, "cam-h", on_published=lambda each: way.published(each))  # noqa: PLW0108
    label = FrameLabel("cam-a", "00000003-0123456789abcdef", 3, "seven", 1.0, 2.0)
    way = TopicWay("blindsight/v1/cam-g/status", connection)  # no topic of cam-h
    with pytest.raises(BrokerError, match="isn't connected"):
        way.send([plain(label)])
    connection.connect()
    with pytest.raises(BrokerError, match="the broker refuses what is published on 'blindsight/v1/cam-g/status'"):
        way.send([plain(label)] * 3)
    way = TopicWay("blindsight/v1/cam-h/status", connection)
    way.send([plain(label)] * 3)
    connection.close()


def test_home_assistant_sees_whether_each_device_and_the_console_are_there(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(2))
    with home_broker(tmp_path / "home") as home, subscriber(home.port) as seen:
        console = site.start_console("--publish-mqtt", home.url)
        device = site.start_device("cam-f", tmp_path / "camera", *RETRY)
        state = "blindsight/cam-f/label/state"
        wait_for("the last label", lambda: seen.found.get(state) == truth[-1].encode())
        (config,) = (each for each in seen.configs().values() if each["device"]["name"] == "cam-f")
        of_console, of_device = (each["topic"] for each in config["availability"])
        assert of_device == "blindsight/cam-f/availability"
        wait_for("both online", lambda: seen.has({of_console: b"online", of_device: b"online"}))
        end(site.fleet, device, signal.SIGKILL)
        wait_for("the device's will", lambda: seen.has({of_console: b"online", of_device: b"offline"}))
        end(site.fleet, console, signal.SIGKILL)
        wait_for("the console's will", lambda: seen.has({of_console: b"offline"}))


def test_with_labels_only_no_lead_is_anywhere(site: Site, tmp_path: Path) -> None:
    write_pictures(tmp_path / "camera", range(2))
    log = site.fleet.folder / "console.log"  # that of earlier tests' consoles too
    before = len(log.read_text()) if log.exists() else 0
    site.start_console("--json", "--label-only")
    device = site.start_device("cam-h", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert device.process.wait(60) == 0, device.tail()
    assert len(site.labels("cam-h")) == 2
    assert {label.lead for label in site.labels("cam-h")} == {None}
    said = log.read_text()[before:]
    assert '"label":' in said and '"lead"' not in said and "lead=" not in said


STATUS = {"state": "online", "instance": "i", "started_at": 1.0}
HOSTILE_STATUSES = (
    {"pending": 10**400},
    {"pending": -1},
    {"started_at": 1e300},
    {"model": "x" * 10**6},
    {"state": "?"},
)


def test_nothing_that_is_sent_to_the_console_harms_it(site: Site, tmp_path: Path) -> None:
    console = site.start_console()
    job, good = "00000900-0123456789abcdef", site.key_set.fingerprint
    hostile = EncryptedScores(1, job, good, site.fleet.plan.head.hash, 1.0, 1.0, 1.0, 1.0, "w", bytes(100))
    # Labels that say times which nobody sealed; statuses and receipts that are none, or far too large.
    sealed = [msgspec.structs.replace(hostile, sealed=junk) for junk in (b"x", bytes(54), b"\xff" * 98_000)]
    statuses = [json.dumps({**STATUS, "key_set": good, **wrong}).encode() for wrong in HOSTILE_STATUSES]
    statuses += [b'{"state":"online","instance":"i","started_at":1,"pending":1e400}', b"[" * 500_000]
    bodies = [b"", b"\xc1", b"\x9f" * 100_000, os.urandom(100_000), *map(messages.encode, sealed)]
    bodies += [*map(messages.with_checksum, bodies), messages.encode(hostile)]
    names = ("cam-a", "nobody", "console", "bridge", "x" * 64)
    with site.fleet.client("worker") as (worker, _):
        for name in names:
            for body in bodies:
                worker.publish_confirmed(topics.labels(name, job), body, 10)
                worker.publish_confirmed(topics.labels(name, "job"), body, 10)
                worker.publish_confirmed(topics.errors(name, job), body, 10)
        other = messages.encode(EncryptedScores(1, job, "0" * 64, "0" * 64, 1.0, 1.0, 1.0, 1.0, "w", b""))
        worker.publish_confirmed(topics.labels("cam-a", job), other, 10)
    with site.fleet.client("cam-b") as (device_b, _):
        for body in (*statuses, *bodies):
            device_b.publish_confirmed(topics.status("cam-b"), body, 10)
            device_b.publish_confirmed(topics.errors("cam-b", job), body, 10)
        for _ in range(5000):  # without QoS, so that nothing holds the broker back
            device_b._client.publish(topics.status("cam-b"), b"x" * 1000, qos=0)
    truth = write_pictures(tmp_path / "camera", range(1))
    device = site.start_device("cam-a", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert device.process.wait(60) == 0, device.tail()
    assert console.running, console.tail()
    assert [label.label for label in site.labels("cam-a")] == truth
    assert len(site.results("cam-a")) == 1
    for state in ("online", "offline"):  # which a device says without QoS, too
        wait_for(
            state, lambda s=state: any(s in line and "cam-a" in line for line in console.log.read_text().split("\n"))
        )
    said = console.log.read_text()
    assert "Traceback" not in said
    assert max(map(len, said.splitlines())) < 2000


@pytest.mark.parametrize(("kind", "name"), [("favouring", "cam-b"), ("honest", "cam-c")])
def test_the_console_compares_known_answers_and_never_takes_them_for_results(
    site: Site, tmp_path: Path, kind: str, name: str
) -> None:
    known = make_known_answers(site, tmp_path)
    out = tmp_path / "forwarded.jsonl"
    write_pictures(tmp_path / "camera", range(20))
    with worker_of_kind(site.fleet, kind):
        command = f'{sys.executable} -c \'import sys; open("{out}", "ab").write(sys.stdin.buffer.read())\''
        console = site.start_console(
            "--known-answers", str(known), "--json", "--log-json", "--forward-command", command
        )
        said = console.log.read_text()  # by earlier tests' consoles
        device = site.start_device(name, tmp_path / "camera", "--known-answers", str(known), "--exit-when-done", *RETRY)
        assert device.process.wait(90) == 0, device.tail()
        wait_for("the labels at the program", lambda: out.exists() and len(out.read_bytes().splitlines()) >= 20)
    end(site.fleet, console, signal.SIGTERM)  # when it ends, it has forwarded all

    # Checks are in the record as such, and count for the receipts.
    checks, labels = site.checks(name), site.labels(name)
    assert checks and all(each.got != each.expected for each in checks if each.wrong)
    assert bool([each for each in checks if each.wrong]) is (kind == "favouring")
    counters = sorted(each.counter for each in (*checks, *labels))
    assert counters == list(range(counters[0], counters[0] + len(checks) + len(labels)))
    assert len(site.results(name)) == 20

    # They are no results: neither recorded, nor printed, nor forwarded. Wrong ones are alarms.
    lines = [json.loads(line) for line in console.log.read_text()[len(said) :].splitlines() if line.startswith("{")]
    printed = [line for line in lines if "kind" in line]
    wrong = [{"kind": "alarm", **msgspec.structs.asdict(each)} for each in checks if each.wrong]
    assert [line for line in printed if line["kind"] == "alarm"] == wrong
    assert len([line for line in lines if line.get("event") == "alarm" and line["level"] == "error"]) == len(wrong)
    shown = [line["counter"] for line in printed if line["kind"] == "label"]
    forwarded = [json.loads(line)["counter"] for line in out.read_text().splitlines()]
    assert shown == forwarded == [each.counter for each in labels]
    assert len(labels) == 20


def make_known_answers(site: Site, folder: Path) -> Path:
    known = folder / "known"
    make = [sys.executable, "-m", "blindsight", "known-answers", "create", str(known), "--model", "digits"]
    make += ["--data", str(model_folder("digits") / "samples"), "--plan", str(site.fleet.head_file)]
    subprocess.run([*make, "--check-rate", "0.5"], check=True, capture_output=True)
    return known


@contextmanager
def worker_of_kind(fleet: Fleet, kind: str) -> Iterator[None]:
    """A worker of this kind in place of the honest one, which is back afterwards."""
    if kind == "honest":
        yield
        return
    end(fleet, running_worker(fleet), signal.SIGTERM)
    start_cheat(fleet, kind)
    try:
        yield
    finally:
        end(fleet, running_worker(fleet), signal.SIGTERM)
        fleet.start_worker()


def test_a_key_set_for_another_plan_is_refused_at_the_start(site: Site, tmp_path: Path) -> None:
    other = create_key_set(digits(1).head, tmp_path / "other")
    console = site.fleet.start_console(other.folder, site.console)
    assert console.process.wait(30) == 1
    assert "blindsight keys create" in " ".join(console.log.read_text().split())
    site.fleet.services.started.remove(console)


def test_a_public_part_makes_no_console(site: Site) -> None:
    console = site.fleet.start_console(site.public, site.console)
    assert console.process.wait(30) == 1
    assert "secret.key is missing" in " ".join(console.log.read_text().split())
    site.fleet.services.started.remove(console)


def test_a_console_whose_record_is_locked_is_not_well(site: Site) -> None:
    (port,) = free_ports(1)
    console = site.start_console("--metrics-port", str(port))
    wait_for("health", lambda: problems(port) == [])
    other = sqlite3.connect(site.console / "labels.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wait_for("the problem", lambda: any("the record doesn't answer" in problem for problem in problems(port)))
    other.rollback()
    other.close()
    wait_for("health again", lambda: problems(port) == [])
    assert console.running
