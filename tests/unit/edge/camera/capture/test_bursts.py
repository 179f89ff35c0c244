"""Frames become bursts: full ones, those whose time has come, and the last."""

import time
from collections.abc import Callable

from common.errors import FrameError
from tests.unit.edge.camera.capture.bench import Bench, eventually


def test_a_full_burst_is_kept_at_once_and_one_that_is_not_waits(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b", "c", "d", "e")
    assert eventually(lambda: one.bursts() == [["a", "b", "c", "d"]])
    time.sleep(0.1)
    assert one.bursts() == [["a", "b", "c", "d"]]
    assert one.outbox.counts().accepted == 4


def test_a_burst_is_kept_in_time_while_the_camera_waits_for_its_next_shot(bench: Callable[..., Bench]) -> None:
    one = bench(burst_wait=0.2)
    started = time.monotonic()
    one.camera.show("a", "b")
    assert eventually(lambda: one.bursts() == [["a", "b"]])
    assert time.monotonic() - started >= 0.2
    assert not one.capture.done


def test_without_a_wait_no_frame_waits_for_others(bench: Callable[..., Bench]) -> None:
    one = bench(burst_wait=0)
    one.camera.show("a")
    assert eventually(lambda: one.bursts() == [["a"]])


def test_the_end_of_the_camera_keeps_what_waits(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b", "c", "d", "e", "f")
    one.camera.feed.put(None)
    assert eventually(lambda: one.capture.done)
    assert one.bursts() == [["a", "b", "c", "d"], ["e", "f"]]
    assert [entry.counter for entry in one.entries()] == [0, 4]
    assert one.accepted == 3  # two bursts, and the end


def test_stopping_keeps_what_waits(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b")
    assert eventually(lambda: one.camera.given == 2)
    time.sleep(0.05)
    one.capture.stop()
    assert one.capture.done
    assert one.bursts() == [["a", "b"]]


def test_a_camera_that_fails_keeps_what_waits_and_says_why(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a")
    one.camera.feed.put(FrameError("webcam:0 gives no more frames"))
    assert eventually(lambda: one.capture.done)
    assert one.bursts() == [["a"]]
    assert "webcam:0" in str(one.capture.error)


def test_frames_keep_their_own_times_of_capture(bench: Callable[..., Bench]) -> None:
    one = bench(burst_wait=0.3)
    before = time.time()
    one.camera.show("a")
    time.sleep(0.1)
    one.camera.show("b")
    assert eventually(lambda: one.bursts() == [["a", "b"]])
    first, second = (frame.captured_at for frame in one.entries()[0].frames)
    assert before <= first <= second - 0.05
