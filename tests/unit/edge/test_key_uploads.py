"""Frames wait for the upload of their key set; earlier ones are uploaded when the fleet says that it lacks them."""

import msgspec
import pytest

from common.ckks import seeding
from common.errors import BrokerError
from common.keys import upload
from common.keys.key_set import KeySet, create_key_set
from common.wire.messages import KeyAck, KeyChunk
from edge.key_uploads import Uploads
from models.plans import get_plan

HEAD = msgspec.structs.replace(get_plan("digits", 128).head, rotations={})


@pytest.fixture(scope="module")
def key_sets(tmp_path_factory: pytest.TempPathFactory) -> list[KeySet]:
    """Two without seeds, wherever they are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeding, "_extension", lambda: None)
        return [create_key_set(HEAD, tmp_path_factory.mktemp("keys") / name) for name in ("new", "old")]


class Bridge:
    """Has every key set as soon as it is asked."""

    def __init__(self, key_sets: list[KeySet]) -> None:
        self.asked: list[tuple[str, int]] = []
        self.uploads = Uploads("cam-a", key_sets, self.publish)

    def publish(self, topic: str, chunk: KeyChunk) -> None:
        self.asked.append((topic.split("/")[4], chunk.total))

    def answer(self) -> None:
        for fingerprint, total in self.asked:
            self.uploads.acknowledged(KeyAck(1, fingerprint, total, total, complete=True))
        self.asked.clear()


def test_the_first_is_uploaded_at_once_and_its_frames_wait(key_sets: list[KeySet]) -> None:
    new, old = (each.fingerprint for each in key_sets)
    bridge = Bridge(key_sets)
    bridge.uploads.begin()
    assert [fingerprint for fingerprint, _ in bridge.asked] == [new]
    assert (bridge.uploads.ready(new), bridge.uploads.ready(old)) == (False, True)
    bridge.answer()
    assert bridge.uploads.ready(new)


def test_an_earlier_one_is_uploaded_when_it_is_missed_and_from_then_on(key_sets: list[KeySet]) -> None:
    new, old = (each.fingerprint for each in key_sets)
    bridge = Bridge(key_sets)
    bridge.uploads.begin()
    bridge.answer()
    assert bridge.uploads.again(old)
    assert [fingerprint for fingerprint, _ in bridge.asked] == [old]
    assert (bridge.uploads.ready(new), bridge.uploads.ready(old)) == (True, False)
    bridge.answer()
    assert bridge.uploads.ready(old)
    bridge.uploads.begin()  # after a reconnection
    assert [fingerprint for fingerprint, _ in bridge.asked] == [new, old]


def test_a_key_set_that_is_not_here_is_somebody_elses_to_upload() -> None:
    uploads = Uploads("cam-a", [], lambda *_: None)
    uploads.begin()
    uploads.tick()
    assert uploads.ready("f" * 64)
    assert not uploads.again("f" * 64)


def test_keys_that_no_served_plan_needs_are_offered_again_later_and_bad_ones_never(
    key_sets: list[KeySet], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(upload.time, "monotonic", lambda: now)
    fingerprint = key_sets[0].fingerprint
    bridge = Bridge(key_sets)
    bridge.uploads.begin()
    bridge.uploads.acknowledged(KeyAck(1, fingerprint, 0, 1000, False))
    assert len(bridge.asked) == 2  # the question, and the first chunk alone
    bridge.uploads.acknowledged(KeyAck(1, fingerprint, 0, 1000, False, "no plan", retry_in=30.0))
    now += 29.0
    bridge.uploads.tick()
    assert len(bridge.asked) == 2
    now += 2.0
    bridge.uploads.tick()
    assert len(bridge.asked) == 3
    bridge.uploads.acknowledged(KeyAck(1, fingerprint, 0, 1000, False, "these are no keys"))
    with pytest.raises(BrokerError, match="these are no keys"):
        bridge.uploads.tick()
