"""A burst is accepted whole: it waits for its encryption and for the outbox, and nothing is lost."""

import time
from collections.abc import Callable

import pytest

from common.errors import OutboxError
from tests.unit.edge.camera.capture.bench import Bench, K, eventually


def test_the_next_burst_gathers_while_one_is_encrypted_and_then_the_camera_waits(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.cipher.open.clear()
    one.camera.show(*(f"{number:02d}" for number in range(4 * K)))
    assert eventually(lambda: one.camera.given == 2 * K + 1)
    time.sleep(0.1)
    assert one.camera.given == 2 * K + 1  # one burst in work, one that waits, and a frame in hand
    one.cipher.open.set()
    assert eventually(lambda: one.outbox.counts().accepted == 4 * K)
    assert [source for burst in one.bursts() for source in burst] == [f"{number:02d}" for number in range(4 * K)]


@pytest.mark.slow
def test_a_full_outbox_makes_the_camera_wait_and_loses_nothing(bench: Callable[..., Bench]) -> None:
    one = bench(max_bytes=K)
    one.camera.show(*"abcdefgh")
    assert eventually(lambda: one.bursts() == [["a", "b", "c", "d"]])
    (first,) = one.entries()
    one.outbox.answer(first.job, [(0, b"")] * K, 0)
    assert eventually(lambda: one.bursts() == [["e", "f", "g", "h"]])


def test_stopping_ends_the_wait_for_a_full_outbox(bench: Callable[..., Bench]) -> None:
    one = bench(max_bytes=K)
    one.camera.show(*"abcdefgh")
    assert eventually(lambda: one.camera.given == 8)
    one.capture.stop()
    assert one.capture.done
    assert one.outbox.counts().accepted == 4


def test_the_latest_burst_replaces_unsent_ones_whole(bench: Callable[..., Bench]) -> None:
    one = bench(latest=True)
    one.camera.show(*"abcd")
    assert eventually(lambda: len(one.bursts()) == 1)
    one.outbox.sent(one.entries()[0].job, 0, 0)
    one.camera.show(*"efgh")
    assert eventually(lambda: len(one.bursts()) == 2)
    one.camera.show(*"ijkl")
    assert eventually(lambda: one.bursts() == [list("abcd"), list("ijkl")])
    assert one.outbox.counts().dropped == 4


def test_an_outbox_that_fails_ends_the_camera_too(bench: Callable[..., Bench]) -> None:
    one = bench()
    with one.outbox._db.transaction() as db:  # the capture's own may be under way
        db.execute("DROP TABLE totals")
    one.camera.show(*"abcdefghijklmnop")
    assert eventually(lambda: one.capture.done)
    assert isinstance(one.capture.error, OutboxError)
    assert eventually(lambda: not one.capture._watcher.is_alive())
