"""The custody of a site, on real servers: devices that can't decrypt, and a console that records each label once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsight.demo.processes import Service, start_child
from common.ckks.ciphertext import decode_ciphertexts
from common.ckks.fhe import Context
from common.errors import KeySetError
from common.keys.key_set import load_key_set, load_public
from common.keys.scores import ScoreReader
from common.plan.predictions import upload_bytes
from common.wire import messages, topics
from common.wire.messages import Burst, EncryptedScores
from edge.encryption import FrameCipher
from tests.integration.custody.site import PLAIN, RETRY, Site, end, running_console, running_worker
from tests.integration.fleet import wait_for, write_pictures

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


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
    files = [path for folder in (site.public, site.state("cam-a")) for path in folder.rglob("*")]
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
from common.ckks.ciphertext import decode_ciphertexts
from common.keys.key_set import load_public
from common.plan.plan_file import load_head
public, head, label = map(Path, sys.argv[1:])
context, head = load_public(public).context, load_head(head)
found = decode_ciphertexts(context, label.read_bytes(), 0, head.output_scale, head.output_ciphertexts)
print("asking", flush=True)
print(context._engine.decryptFrac(found[0]._pyfhel))
"""


def real_label(site: Site, device: str) -> EncryptedScores:
    """A label that a worker made for a device, as it passes the broker: its frame is published again."""
    frames = {result.job: result for result in site.results(device)}
    job = min(frames)
    head = site.fleet.plan.head
    again = bytes(upload_bytes(head))  # which nobody looks at, since the label is kept
    frame = Burst(1, device, job, site.key_set.fingerprint, head.hash, 0.0, again, 4, "site")
    with site.fleet.client(device, topics.labels(device, "+")) as (connection, seen):
        connection.publish_confirmed(topics.frames(device, job), messages.encode(frame), 10)
        wait_for("the label again", lambda: seen)
    return messages.decode(seen[0].payload, EncryptedScores)


def opens(site: Site, secret: bytes, label: EncryptedScores, scores: np.ndarray) -> bool:
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
    folders = (site.fleet.folder, site.console.parent)
    seen += [
        path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("secret.key", "times-secret.key")
    ]
    assert len(seen) > 10
    pieces.append((site.key_set.folder / "times-secret.key").read_bytes())
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


#: `blindsight console` that is killed in the place that its first argument names.
DYING = """
import os, signal, sys
from blindsight.cli import main
from common.wire.connection import MqttConnection
from common.publishing.outgoing import Outgoing
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
publish, first = MqttConnection.publish, Outgoing.first
def publish_or_die(self, topic, *arguments, **options):
    return die() if "/receipts/" in topic else publish(self, topic, *arguments, **options)
def first_or_die(self, *arguments):
    return die() if first(self, *arguments) else []
place = sys.argv.pop(1)
if place == "before its receipt":
    MqttConnection.publish = publish_or_die
elif place == "before it forwards":
    Outgoing.first = first_or_die
else:
    Outgoing.sent = die
main()
"""


def start_dying(site: Site, place: str, *extra: str) -> Service:
    arguments = ["--keys", str(site.key_set.folder), "--plans", str(site.fleet.head_file), "--state", str(site.console)]
    environment = {**os.environ, **site.fleet.device_environment("console")}
    log = site.console.parent / "dying.log"
    with log.open("ab") as file:
        command = [sys.executable, "-c", DYING, place, "console", *arguments, *extra]
        return Service("dying", start_child(command, file, env=environment), log)


def test_a_console_killed_between_record_and_receipt_gives_the_receipt_later(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(4))
    dying = start_dying(site, "before its receipt")
    device = site.start_device("cam-d", tmp_path / "camera", "--exit-when-done", *RETRY)
    assert dying.process.wait(60) == -signal.SIGKILL, dying.tail()
    assert [label.label for label in site.labels("cam-d")] == truth
    assert site.results("cam-d") == []
    site.start_console()
    assert device.process.wait(60) == 0, device.tail()
    site.check("cam-d", truth)


def test_a_console_killed_while_it_forwards_forwards_every_label_at_least_once(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(8))
    out = tmp_path / "forwarded.jsonl"
    (tmp_path / "program.py").write_text("import sys\nopen(sys.argv[1], 'ab').write(sys.stdin.buffer.read())\n")
    command = f"{sys.executable} {tmp_path / 'program.py'} {out}"
    forward = ("--forward-topic", PLAIN, "--forward-command", command)
    with site.fleet.client("cam-h", PLAIN) as (_, published):
        dying = start_dying(site, "before it forwards", *forward)
        device = site.start_device("cam-g", tmp_path / "camera", "--exit-when-done", *RETRY)
        assert dying.process.wait(60) == -signal.SIGKILL, dying.tail()
        assert site.labels("cam-g") and not published and not out.exists()
        dying = start_dying(site, "before it marks what it forwarded", *forward)
        assert dying.process.wait(60) == -signal.SIGKILL, dying.tail()
        site.start_console(*forward)
        assert device.process.wait(60) == 0, device.tail()
        wait_for("all labels at the program", lambda: forwarded(lines := read_lines(out)) == truth and lines)
        wait_for(
            "all labels on the topic", lambda: forwarded([json.loads(each.payload) for each in published]) == truth
        )
    site.check("cam-g", truth)
    # At one of the two a label came before the mark, and came again: its device, job and counter tell.
    both = len(read_lines(out)) + len(published)
    assert 2 * len(truth) < both


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def forwarded(lines: list[dict[str, Any]]) -> list[str]:
    """The labels that were forwarded, in order of their first time, each of a device, job and counter once."""
    first = {(line["device"], line["job"], line["counter"]): line["label"] for line in reversed(lines)}
    return [*reversed(first.values())]


def test_a_console_that_was_away_gets_every_label_once(site: Site, tmp_path: Path) -> None:
    # Mosquitto 2.0.11 keeps labels for the console. From 2.0.12 on it drops them where each listener has settings
    # of its own (its issue 2618): then the device has to ask for them again.
    truth = write_pictures(tmp_path / "camera", range(8))
    log = site.fleet.folder / "console.log"  # that of earlier tests' consoles too
    before = log.read_text().count(UPLOADED) if log.exists() else 0
    away = site.start_console()
    wait_for("the console", lambda: away.log.read_text().count(UPLOADED) > before)
    end(site.fleet, away, signal.SIGTERM)
    device = site.start_device("cam-e", tmp_path / "camera", "--exit-when-done", *RETRY)
    answered = site.fleet.redis()
    wait_for("both labels", lambda: len(answered.keys("blindsight:result:cam-e:*")) == 2)
    assert device.running and site.results("cam-e") == []
    site.start_console()
    assert device.process.wait(60) == 0, device.tail()
    site.check("cam-e", truth)


UPLOADED = "the bridge holds the evaluation keys"


def test_keys_that_the_fleet_forgot_are_uploaded_by_the_console(site: Site, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(12))
    store = site.fleet.redis()
    site.start_console()
    device = site.start_device("cam-f", tmp_path / "camera", "--rate", "4", "--exit-when-done", *RETRY)
    wait_for("the first labels", lambda: site.labels("cam-f"))
    store.delete(*store.keys("blindsight:keys*:console:*"))  # with their SHA-256, by which a worker knows its files
    end(site.fleet, running_worker(site.fleet), signal.SIGTERM)  # it had the keys in memory
    site.fleet.start_worker()
    assert device.process.wait(90) == 0, device.tail()
    site.check("cam-f", truth)
    assert store.keys("blindsight:keys:console:*")
    assert not store.keys("blindsight:keys:cam-f:*")
