"""Frames become bursts: full ones, those whose time has come, and the last; each is accepted whole."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import FrameError, OutboxError
from common.keys.known_answers import KnownFrame
from common.pictures.marks import Follower
from common.pictures.regions import Mark, Region, Regions
from edge.camera.cameras import Shot
from edge.camera.capture import Capture
from edge.camera.framing import Framing, RegionsOfPicture, WholePicture
from edge.camera.gate import Gate
from edge.encryption import EncryptedFrames
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from models.plans import get_plan

K = 4
HEAD = msgspec.structs.replace(get_plan("digits", 128).head, frames_per_ciphertext=K)
LONG = 60.0
CHECK = "known answer"


class Camera:
    """Gives what is put in, and waits for more, for ever if need be; None ends it."""

    def __init__(self) -> None:
        self.skipped = 0
        self.feed: queue.Queue[Shot | Exception | None] = queue.Queue()
        self.given = 0

    def show(self, *sources: str, shape: tuple[int, ...] = HEAD.frame_shape) -> None:
        for source in sources:
            self.feed.put(Shot(np.zeros(shape, np.uint8), source))

    def shots(self) -> Iterator[Shot]:
        while (item := self.feed.get()) is not None:
            if isinstance(item, Exception):
                raise item
            self.given += 1
            yield item

    def close(self) -> None:
        self.feed.put(None)


class Cipher:
    """As quick as it can be: the "ciphertext" is as many bytes as there are frames."""

    head = HEAD
    key_set = SimpleNamespace(fingerprint="k" * 64)

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()

    def encrypt(self, frames: NDArray[np.uint8]) -> EncryptedFrames:
        self.open.wait()
        return EncryptedFrames(bytes(len(frames)), f"{time.monotonic_ns():016x}"[-16:], 1.0)


class Bench:
    """A capture with all that it needs, and what it has kept."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.camera, self.cipher = Camera(), Cipher()
        self.outbox = Outbox(folder / "outbox.sqlite", options.pop("max_bytes", 10_000))
        self.accepted = 0
        framing: Framing = options.pop("framing", WholePicture(HEAD.frame_shape, resize=False))
        settings = {"latest": False, "burst_wait": LONG, "check_at": lambda _: None, **options}
        self.capture = Capture(
            self.camera,
            Gate(None, None),
            framing,
            self.cipher,
            self.outbox,
            **settings,
            accepted=self._count,  # type: ignore[arg-type]
        )
        self.capture.start()

    def _count(self) -> None:
        self.accepted += 1

    def bursts(self) -> list[list[str]]:
        return [[frame.source for frame in entry.frames] for entry in self.entries()]

    def entries(self) -> list[Entry]:
        return list(self.outbox.due(0, 100))

    def close(self) -> None:
        self.cipher.open.set()
        self.capture.stop()
        self.outbox.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        made.append(Bench(tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def test_a_full_burst_is_kept_at_once_and_one_that_is_not_waits(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b", "c", "d", "e")
    assert eventually(lambda: one.bursts() == [["a", "b", "c", "d"]])
    time.sleep(0.1)
    assert one.bursts() == [["a", "b", "c", "d"]]
    assert one.outbox.counts().accepted == 4


def meter(regions: int) -> RegionsOfPicture:
    """Regions d1, d2, … of pictures of 120×40 pixels."""
    corners = [((x, 0.0), (x + 20, 0.0), (x + 20, 40.0), (x, 40.0)) for x in range(0, 20 * regions, 20)]
    each = tuple(Region(f"d{number}", where, "none") for number, where in enumerate(corners, 1))
    return RegionsOfPicture(Follower(Regions((120, 40), each)), HEAD.frame_shape)


@pytest.mark.parametrize("latest", [False, True])
def test_the_regions_of_a_picture_are_a_burst_of_their_own(bench: Callable[..., Bench], latest: bool) -> None:
    one = bench(framing=meter(3), latest=latest)
    for picture in ("a", "b"):
        one.camera.show(picture, shape=(40, 120, 3))
        assert eventually(lambda name=picture: one.bursts()[-1:] == [[f"{name}:d1", f"{name}:d2", f"{name}:d3"]])
    assert len({frame.captured_at for frame in one.entries()[-1].frames}) == 1


def test_a_camera_whose_marks_are_in_the_dark_goes_on_until_they_are_seen(bench: Callable[..., Bench]) -> None:
    scene = np.random.default_rng(4).integers(0, 255, (40, 160, 1), np.uint8)
    corners = ((0.0, 0.0), (20.0, 0.0), (20.0, 40.0), (0.0, 40.0))
    regions = Regions((160, 40), (Region("d1", corners),), (Mark((100, 8, 24, 24), 6),))
    one = bench(framing=RegionsOfPicture(Follower(regions, scene), HEAD.frame_shape))
    for number in range(150):
        one.camera.show(f"dark {number}", shape=(40, 160, 1))
    one.camera.feed.put(Shot(scene, "light"))
    assert eventually(lambda: one.bursts() == [["light:d1"]])
    assert one.capture.pulse.skipped == 150


def test_a_picture_whose_regions_cannot_be_cut_out_gives_no_frame(bench: Callable[..., Bench]) -> None:
    one = bench(framing=meter(2))
    one.camera.show("too wide", shape=(40, 160, 3))
    one.camera.show("right", shape=(80, 240, 3))
    assert eventually(lambda: one.bursts() == [["right:d1", "right:d2"]])


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


def test_one_that_does_not_fit_does_not_spoil_its_burst(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b")
    one.camera.show("large", shape=(30, 30, 1))
    one.camera.show("c", "d")
    assert eventually(lambda: one.bursts() == [["a", "b", "c", "d"]])


def test_a_run_in_which_no_picture_fits_ends_with_an_error(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show("a", "b", shape=(30, 30, 1))
    one.camera.close()
    assert eventually(lambda: one.capture.done)
    assert "none of the camera's 2 pictures could be used" in str(one.capture.error)


def test_a_camera_that_never_ends_and_never_fits_is_given_up(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.camera.show(*("x" for _ in range(100)), shape=(30, 30, 1))
    assert eventually(lambda: one.capture.done)
    assert "pass --resize" in str(one.capture.error)


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


def checks(*counters: int) -> Callable[[int], KnownFrame | None]:
    known = KnownFrame(np.zeros(HEAD.frame_shape, np.uint8), 7)
    return lambda counter: known if counter in counters else None


def expected(bench: Bench) -> dict[int, int]:
    """The label of each check, by its capture counter."""
    return {
        entry.counter + place: frame.expected
        for entry in bench.entries()
        for place, frame in enumerate(entry.frames)
        if frame.expected is not None
    }


def run_to_the_end(bench: Bench, sources: str) -> None:
    bench.camera.show(*sources)
    bench.camera.close()
    assert eventually(lambda: bench.capture.done)


def test_checks_take_their_counters_and_no_frame_is_lost_or_changes_its_order(bench: Callable[..., Bench]) -> None:
    one = bench(check_at=checks(0, 5, 6, 7, 8, 9, 12))
    run_to_the_end(one, "abcdefgh")
    assert one.bursts() == [
        [CHECK, "a", "b", "c"],
        ["d", CHECK, CHECK, CHECK],
        [CHECK, CHECK, "e", "f"],
        [CHECK, "g", "h"],
    ]
    assert expected(one) == dict.fromkeys((0, 5, 6, 7, 8, 9, 12), 7)


def test_the_next_run_goes_on_with_the_counters_of_the_one_before(bench: Callable[..., Bench]) -> None:
    first = bench(check_at=checks(1, 6))
    run_to_the_end(first, "ab")
    first.close()
    second = bench(check_at=checks(1, 6))
    run_to_the_end(second, "cdefg")
    assert second.bursts() == [["a", CHECK, "b"], ["c", "d", "e", CHECK], ["f", "g"]]


def test_under_latest_a_check_stands_for_a_frame_so_that_there_is_no_message_more(bench: Callable[..., Bench]) -> None:
    one = bench(latest=True, check_at=checks(2))
    run_to_the_end(one, "abcd")
    assert one.bursts() == [["a", "b", CHECK, "d"]]
