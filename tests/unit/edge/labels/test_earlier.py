"""A device with another plan keeps heads and key sets for what is in its outbox, as long as it is there."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from common.errors import InsecureError, KeySetError
from common.keys.key_set import KeySet, load_header
from common.plan.plan import PlanHead
from edge.encryption import open_key_set
from edge.labels.earlier import Readers, keep_head, open_readers
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame
from models.plans import get_plan

pytestmark = pytest.mark.slow

#: Of one key set ...
FIRST = msgspec.structs.replace(get_plan("digits", 128).head, rotations={1: 0}, relinearisation_level=None)
ALIKE = msgspec.structs.replace(FIRST, labels=tuple("abcdefghij"))
#: ... and of another.
OTHER = msgspec.structs.replace(FIRST, rotations={2: 0})
THIRD = msgspec.structs.replace(FIRST, rotations={3: 0})


class Device:
    def __init__(self, state: Path) -> None:
        self.state, self.keys = state, state / "keys"
        self.outbox = Outbox(state / "outbox.sqlite", 10**6)

    def start(self, head: PlanHead, passphrase: str | None = "secret") -> tuple[KeySet, Readers]:
        key_set = open_key_set(self.keys, head, passphrase)
        assert isinstance(key_set, KeySet)
        keep_head(self.state / "heads", head, self.outbox)
        return key_set, open_readers(self.state / "heads", self.keys, head, key_set, self.outbox, passphrase)

    def capture(self, head: PlanHead, key_set: KeySet) -> str:
        counter = self.outbox.next_counter()
        job = f"{counter:08d}-0123456789abcdef"
        frames = (CapturedFrame("a.png", 1.0),)
        self.outbox.add(Entry(job, counter, frames, 1.0, b"", key_set.fingerprint, head.hash))
        return job

    def files(self) -> set[str]:
        return {str(path.relative_to(self.state)) for path in self.state.glob("heads/*")} | {
            str(path.relative_to(self.state)) for path in self.state.glob("keys/**/secret.key")
        }


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    yield made
    made.outbox.close()


def below(folder: Path) -> InsecureError:
    """The error by which a key set below the security floor is refused."""
    with pytest.raises(InsecureError, match="of an earlier version") as raised:
        load_header(folder)
    return raised.value


def later(head: PlanHead) -> str:
    return f"keys/for-{head.hash[:16]}/secret.key"


def test_a_plan_for_the_same_key_set_makes_no_other_and_both_plans_are_read(device: Device) -> None:
    key_set, _ = device.start(FIRST)
    device.capture(FIRST, key_set)
    again, readers = device.start(ALIKE)
    assert again.fingerprint == key_set.fingerprint
    assert {plan: reader.head.labels for (_, plan), reader in readers.items()} == {
        ALIKE.hash: ALIKE.labels,
        FIRST.hash: FIRST.labels,
    }
    assert device.files() == {f"heads/{FIRST.hash}.head", f"heads/{ALIKE.hash}.head", "keys/secret.key"}


@pytest.mark.slow
def test_a_plan_for_another_key_set_gets_one_next_to_the_first(device: Device) -> None:
    first, _ = device.start(FIRST)
    device.capture(FIRST, first)
    other, readers = device.start(OTHER)
    assert list(readers) == [(other.fingerprint, OTHER.hash), (first.fingerprint, FIRST.hash)]
    assert [reader.key_set.fingerprint for reader in readers.values()] == [other.fingerprint, first.fingerprint]
    assert (device.keys / f"for-{OTHER.hash[:16]}" / "secret.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeySetError, match="passphrase"):
        device.start(OTHER, "another")


def test_the_first_plan_returns_to_the_first_key_set(device: Device) -> None:
    first, _ = device.start(FIRST)
    device.start(OTHER)
    assert device.start(FIRST)[0].fingerprint == first.fingerprint


def test_a_key_set_of_before_a_stricter_floor_stays_and_gets_one_next_to_it(device: Device) -> None:
    old, _ = device.start(FIRST)
    device.capture(FIRST, old)
    named = device.keys / "keyset.json"
    fields = json.loads(named.read_bytes())
    fields["parameters"]["prime_bits"] = [50, 54, 52, 60]  # 216 bits, where 214 are allowed now
    named.write_text(json.dumps(fields))
    with capture_logs() as logs:
        new, readers = device.start(OTHER)
    assert list(readers) == [(new.fingerprint, OTHER.hash)]
    assert [line["reason"] for line in logs if "can't be read" in line["event"]] == [str(below(device.keys))]
    assert device.files() >= {"keys/secret.key", later(OTHER)}


@pytest.mark.slow
def test_what_no_entry_needs_goes_but_never_the_first_key_set(device: Device) -> None:
    device.start(FIRST)
    other, _ = device.start(OTHER)
    job = device.capture(OTHER, other)
    device.start(THIRD)
    heads = {f"heads/{OTHER.hash}.head", f"heads/{THIRD.hash}.head"}
    assert device.files() == heads | {"keys/secret.key", later(OTHER), later(THIRD)}
    device.outbox.park(job, "deadline", "", 0)  # it may be retried
    device.start(THIRD)
    assert later(OTHER) in device.files()
    device.outbox.close()
    (device.state / "outbox.sqlite").unlink()
    device.outbox = Outbox(device.state / "outbox.sqlite", 10**6)
    device.start(THIRD)
    assert device.files() == {f"heads/{THIRD.hash}.head", "keys/secret.key", later(THIRD)}


def test_what_a_crash_left_is_no_key_set(device: Device) -> None:
    first, _ = device.start(FIRST)
    partial = device.keys / f"for-{OTHER.hash[:16]}.partial"
    partial.mkdir()
    (partial / "keyset.json").write_text("{")
    assert device.start(OTHER)[0].fingerprint != first.fingerprint
    assert not partial.exists()


def test_a_head_or_key_set_that_is_gone_is_said_and_stops_nothing(device: Device) -> None:
    first, _ = device.start(FIRST)
    device.capture(FIRST, first)
    device.keys.rename(device.state / "elsewhere")
    with capture_logs() as logs:
        new, readers = device.start(OTHER)
    assert list(readers) == [(new.fingerprint, OTHER.hash)]
    (said,) = [each["reason"] for each in logs if each["log_level"] == "error"]
    assert f"key set {first.fingerprint[:12]} isn't in" in said


def test_for_a_plan_sealed_for_a_key_set_that_is_not_here_none_is_made(device: Device) -> None:
    device.start(FIRST)
    with pytest.raises(KeySetError, match="is sealed for key set ffffffffffff"):
        device.start(msgspec.structs.replace(FIRST, sealed_for="f" * 64))
    assert device.files() == {f"heads/{FIRST.hash}.head", "keys/secret.key"}
