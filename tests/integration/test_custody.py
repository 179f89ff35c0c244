"""The custody of a site, on real servers: devices that can't decrypt, and a console that records each label once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blindsight.processes import Service, start_child
from blindsight.servers import Servers
from common import messages, topics
from common.ciphertext import decode_ciphertexts
from common.errors import KeySetError
from common.fhe import Context
from common.keys import KeySet, create_key_set, load_key_set, load_public, write_public
from common.messages import Frame, Label
from common.scores import ScoreReader
from console.record import Check, FrameLabel, Record
from edge.encryption import FrameCipher
from edge.outbox import Outbox
from models.catalogue import model_folder
from tests.integration.fleet import Fleet, digits, make_fleet, wait_for, write_pictures
from tests.integration.test_known_answers import start_cheat

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

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
        return self.fleet.start_device(name, pictures, *custody, *extra)

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
        results = self.fleet.results(device)
        assert [(result.counter, result.label) for result in results] == [(n, None) for n in range(len(truth))]
        outbox = Outbox(self.fleet.folder / device / "outbox.sqlite", 10**9)
        counts = outbox.counts()
        outbox.close()
        assert (counts.answered, counts.pending, counts.parked) == (len(truth), 0, 0)


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    rule = f"\nuser cam-h\ntopic read {PLAIN}\n"
    with (servers.site.mosquitto / "acl.conf").open("a") as file:
        file.write(rule)
    servers.kill("mqtt", signal.SIGTERM)
    servers.start("mqtt")
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"), digits(4))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()


@pytest.fixture(scope="module")
def keys(fleet: Fleet) -> tuple[KeySet, Path]:
    key_set = create_key_set(fleet.plan.head, fleet.folder / "site" / "keys")
    write_public(key_set.folder, fleet.folder / "site" / "public")
    return key_set, fleet.folder / "site" / "public"


@pytest.fixture
def site(fleet: Fleet, keys: tuple[KeySet, Path], tmp_path: Path) -> Iterator[Site]:
    yield Site(fleet, *keys, tmp_path / "console")
    for service in [each for each in fleet.services.started if each.name not in ("bridge", "worker")]:
        end(fleet, service, signal.SIGTERM)


def end(fleet: Fleet, service: Service, number: int) -> None:
    """Stop a service and forget it, so that the next one may have its name."""
    if service.running:
        service.process.send_signal(number)
    service.process.wait(30)
    fleet.services.started.remove(service)


def test_the_console_labels_every_frame_once_and_the_device_cannot(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(10))
    site.start_console()
    device = site.start_device("cam-a", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert device.process.wait(90) == 0, device.tail()
    site.check("cam-a", truth)
    label = real_label(site, "cam-a")

    # Whoever has the key set reads the label, so what follows isn't about damaged bytes.
    head = site.fleet.plan.head
    reader = ScoreReader(head, load_key_set(site.key_set.folder))
    assert [head.labels[index] for index in reader.decide(label.ciphertext, label.frames)] == truth[: label.frames]

    # The device has no secret key, and what it has refuses to decrypt.
    with pytest.raises(KeySetError, match=r"secret\.key is missing"):
        load_key_set(site.public)
    public = load_public(site.public)
    (ciphertext, *_) = decode_ciphertexts(
        public.context, label.ciphertext, 0, head.output_scale, head.output_ciphertexts
    )
    with pytest.raises(KeySetError, match="no secret key"):
        FrameCipher(head, public).key_set.context.decrypt(ciphertext)
    # Nor does SEAL, asked directly: it crashes, so in a process of its own.
    (tmp_path / "label").write_bytes(label.ciphertext)
    command = [sys.executable, "-c", ASKS_SEAL, str(site.public), str(site.fleet.head_file), str(tmp_path / "label")]
    asked = subprocess.run(command, capture_output=True, check=False)
    assert asked.stdout.split() == [b"asking"] and asked.returncode != 0, asked

    # Nothing among its files is a secret key that opens the label, nor is one that it makes itself.
    scores = reader.scores(label.ciphertext)
    files = [path for folder in (site.public, site.fleet.folder / "cam-a") for path in folder.rglob("*")]
    tried = [path for path in files if path.is_file() and not opens(site, path.read_bytes(), label, scores)]
    assert len(tried) >= 4
    own = Context(head.parameters)
    own.generate_keys([])
    assert not opens(site, own.save_secret_key(), label, scores)
    assert opens(site, (site.key_set.folder / "secret.key").read_bytes(), label, scores)


#: Decrypts a label with the public part, past our own refusal.
ASKS_SEAL = """
import sys
from pathlib import Path
from common.ciphertext import decode_ciphertexts
from common.keys import load_public
from common.plan_file import load_head
public, head, label = map(Path, sys.argv[1:])
context, head = load_public(public).context, load_head(head)
found = decode_ciphertexts(context, label.read_bytes(), 0, head.output_scale, head.output_ciphertexts)
print("asking", flush=True)
print(context._engine.decryptFrac(found[0]))
"""


def real_label(site: Site, device: str) -> Label:
    """A label that a worker made for a device, as it passes the broker: its frame is published again."""
    frames = {result.job: result for result in site.fleet.results(device)}
    job = min(frames)
    head = site.fleet.plan.head
    frame = Frame(1, device, job, site.key_set.fingerprint, head.hash, 0.0, b"cached", 4, "site")
    with site.fleet.client(device, topics.labels(device, "+")) as (connection, seen):
        connection.publish_confirmed(topics.frames(device, job), messages.encode(frame), 10)
        wait_for("the label again", lambda: seen)
    return messages.decode(seen[0].payload, Label)


def opens(site: Site, secret: bytes, label: Label, scores: np.ndarray) -> bool:
    """Whether some bytes, taken for the secret key, decrypt a label."""
    head, context = site.fleet.plan.head, load_public(site.public).context
    try:
        context.load_secret_key(secret)
    except KeySetError:
        return False
    ciphertexts = decode_ciphertexts(context, label.ciphertext, 0, head.output_scale, head.output_ciphertexts)
    found = head.read_scores(np.stack([context.decrypt(ciphertext) for ciphertext in ciphertexts]))
    return bool(np.abs(found - scores).max() < 1)


def test_the_secret_key_is_nowhere_but_in_the_console(site: Site, tmp_path: Path) -> None:
    secret = (site.key_set.folder / "secret.key").read_bytes()
    pieces = [secret[start : start + 32] for start in range(1000, len(secret) - 32, len(secret) // 20)]
    write_pictures(tmp_path / "camera", range(2))
    everything = ("frames/+", "keys/+/+", "labels/+", "receipts/+")
    topics_seen = [f"blindsight/v1/+/{rest}" for rest in everything]
    with site.fleet.client("bridge", *topics_seen) as (_, published):
        site.start_console("--log-level", "debug")
        device = site.start_device("cam-b", tmp_path / "camera", "--exit-when-done", *RETRY)
        assert device.process.wait(60) == 0, device.tail()
    store = site.fleet.redis()
    seen = [message.payload for message in published]
    seen += [store.get(key) or b"" for key in store.scan_iter() if store.type(key) == b"string"]
    folders = (site.fleet.folder, site.console)
    seen += [
        path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name != "secret.key"
    ]
    assert len(seen) > 10
    assert not any(piece in data for piece in pieces for data in seen)


def test_no_label_is_lost_or_recorded_twice_when_the_console_is_killed(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(40))
    site.start_console()
    device = site.start_device("cam-c", tmp_path / "camera", "--rate", "8", "--exit-when-done", *RETRY)
    for labels in (2, 12, 24):
        wait_for(f"{labels} labels", lambda least=labels: len(site.labels("cam-c")) >= least)
        end(site.fleet, running_console(site), signal.SIGKILL)
        site.start_console()
    assert device.process.wait(90) == 0, device.tail()
    site.check("cam-c", truth)


#: `blindsight console` that is killed where a label is recorded and its receipt not yet published.
DIES_BEFORE_ITS_RECEIPT = """
import os, signal, sys
from blindsight.cli import main
from common.mqtt import MqttConnection
publish = MqttConnection.publish
def dying(self, topic, *arguments, **options):
    if "/receipts/" in topic:
        os.kill(os.getpid(), signal.SIGKILL)
    return publish(self, topic, *arguments, **options)
MqttConnection.publish = dying
main()
"""


def test_a_console_killed_between_record_and_receipt_gives_the_receipt_later(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(4))
    arguments = ["--keys", str(site.key_set.folder), "--plans", str(site.fleet.head_file), "--state", str(site.console)]
    with (tmp_path / "dying.log").open("wb") as log:
        dying = start_child(
            [sys.executable, "-c", DIES_BEFORE_ITS_RECEIPT, "console", *arguments],
            log,
            env={**os.environ, **site.fleet.device_environment("console")},
        )
    device = site.start_device("cam-d", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert dying.wait(60) == -signal.SIGKILL, (tmp_path / "dying.log").read_text()
    assert [label.label for label in site.labels("cam-d")] == truth
    assert site.fleet.results("cam-d") == []
    site.start_console()
    assert device.process.wait(60) == 0, device.tail()
    site.check("cam-d", truth)


def test_labels_wait_for_a_console_that_is_away(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(8))
    away = site.start_console()
    wait_for("the console", lambda: "the bridge holds the evaluation keys" in away.log.read_text())
    end(site.fleet, away, signal.SIGTERM)
    device = site.start_device("cam-e", tmp_path / "camera", "--exit-when-done", "--retry-after", "300")
    answered = site.fleet.redis()
    wait_for("both labels", lambda: len(answered.keys("blindsight:result:cam-e:*")) == 2)
    assert device.running and site.fleet.results("cam-e") == []
    site.start_console()
    assert device.process.wait(30) == 0, device.tail()  # long before it would send them again
    site.check("cam-e", truth)


def test_keys_that_the_fleet_forgot_are_uploaded_by_the_console(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(12))
    store = site.fleet.redis()
    site.start_console()
    device = site.start_device("cam-f", tmp_path / "camera", "--rate", "4", "--exit-when-done", *RETRY)
    wait_for("the first labels", lambda: site.labels("cam-f"))
    store.delete(*store.keys("blindsight:keys:console:*"))
    end(site.fleet, running_worker(site.fleet), signal.SIGTERM)  # it had the keys in memory
    site.fleet.start_worker()
    assert device.process.wait(90) == 0, device.tail()
    site.check("cam-f", truth)
    assert store.keys("blindsight:keys:console:*")
    assert not store.keys("blindsight:keys:cam-f:*")


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
    plain = [{name: value for name, value in line.items() if name != "lead"} for line in printed]
    assert [json.loads(message.payload) for message in forwarded] == plain
    assert [json.loads(line) for line in out.read_text().splitlines()] == plain


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


def test_nothing_that_is_sent_to_the_console_harms_it(site: Site, tmp_path: Path) -> None:
    console = site.start_console()
    job, good = "00000900-0123456789abcdef", site.key_set.fingerprint
    hostile = Label(1, job, good, site.fleet.plan.head.hash, 1.0, 1.0, 1.0, 1.0, "w", bytes(100))
    bodies = [b"", b"\xc1", b"\x9f" * 100_000, os.urandom(100_000), messages.encode(hostile)]
    names = ("cam-a", "nobody", "console", "bridge", "x" * 64)
    with site.fleet.client("worker") as (worker, _):
        for name in names:
            for body in bodies:
                worker.publish_confirmed(topics.labels(name, job), body, 10)
                worker.publish_confirmed(topics.labels(name, "job"), body, 10)
                worker.publish_confirmed(topics.errors(name, job), body, 10)
        other = messages.encode(Label(1, job, "0" * 64, "0" * 64, 1.0, 1.0, 1.0, 1.0, "w", b""))
        worker.publish_confirmed(topics.labels("cam-a", job), other, 10)
    truth = write_pictures(tmp_path / "camera", range(1))
    folder = site.fleet.folder / "cam-a"
    before = len(site.fleet.results("cam-a"))
    device = site.start_device("cam-a", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert device.process.wait(60) == 0, device.tail()
    assert console.running, console.tail()
    assert [label.label for label in site.labels("cam-a")] == truth
    assert len(site.fleet.results("cam-a")) == before + 1, folder
    assert "Traceback" not in console.log.read_text()


@pytest.mark.parametrize(("kind", "name"), [("favouring", "cam-b"), ("honest", "cam-c")])
def test_the_console_compares_known_answers_and_never_takes_them_for_results(
    site: Site, tmp_path: Path, kind: str, name: str
) -> None:
    known = make_known_answers(site, tmp_path)
    out, before = tmp_path / "forwarded.jsonl", len(site.fleet.results(name))
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
    assert len(site.fleet.results(name)) == before + 20

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


def running_worker(fleet: Fleet) -> Service:
    return next(each for each in fleet.services.started if each.name == "worker")


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


def running_console(site: Site) -> Service:
    (console,) = [each for each in site.fleet.services.started if each.name == "console" and each.running]
    return console
