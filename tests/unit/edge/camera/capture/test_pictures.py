"""Pictures become frames, whole or as their regions; some don't fit."""

from collections.abc import Callable

import numpy as np
import pytest

from common.pictures.marks import Follower
from common.pictures.regions import Mark, Region, Regions
from edge.camera.cameras import Shot
from edge.camera.framing import RegionsOfPicture
from tests.unit.edge.camera.capture.bench import HEAD, Bench, eventually


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
