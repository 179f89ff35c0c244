"""Regions are followed by their marks when the camera is moved, and stay where they were while no mark is seen."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.marks import Follower, NoMarkError, Transform
from common.pictures.regions import Mark, Region, Regions

REGION = Region("d1", ((260, 200), (300, 200), (300, 270), (260, 270)))
MARKS = (Mark((60, 50, 50, 50), 40), Mark((520, 60, 50, 50), 40), Mark((300, 380, 50, 50), 40))


def scene() -> NDArray[np.uint8]:
    """A picture with parts that can be told apart."""
    rng = np.random.default_rng(3)
    picture = np.full((480, 640, 3), 120, np.uint8)
    for _ in range(600):
        x, y, size = int(rng.integers(640)), int(rng.integers(480)), int(rng.integers(6, 40))
        colour = tuple(int(each) for each in rng.integers(0, 255, 3))
        cv2.rectangle(picture, (x, y), (x + size, y + size // 2), colour, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.uint8)


@dataclass
class Move:
    """A camera's move: by pixels right and down, degrees and a factor about the picture's middle."""

    right: float = 0.0
    down: float = 0.0
    degrees: float = 0.0
    factor: float = 1.0

    @property
    def transform(self) -> Transform:
        transform = np.asarray(cv2.getRotationMatrix2D((320, 240), self.degrees, self.factor))
        transform[:, 2] += (self.right, self.down)
        return transform

    def seen(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        centres = self.transform
        centres[:, 2] += centres[:, :2] @ (0.5, 0.5) - 0.5
        return np.asarray(cv2.warpAffine(picture, centres, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def error(self, region: Region) -> float:
        """The largest distance of a corner from where it is now, in pixels."""
        truth = np.array(REGION.corners) @ self.transform[:, :2].T + self.transform[:, 2]
        return float(np.hypot(*(np.array(region.corners) - truth).T).max())


def follower(marks: int) -> Follower:
    return Follower(Regions((640, 480), (REGION,), MARKS[:marks]), scene())


@pytest.mark.parametrize(
    ("marks", "move"),
    [
        (1, Move()),
        (1, Move(17.5, -9.25)),
        (2, Move(8, 5, degrees=3)),
        (2, Move(-12.3, 6.1, degrees=-4, factor=1.03)),
        (3, Move(8, 5, degrees=4, factor=0.97)),
    ],
)
def test_corners_move_with_the_camera(marks: int, move: Move) -> None:
    places = follower(marks).places(move.seen(scene()))
    assert places.followed
    assert move.error(places.regions[0]) < 0.6


def test_noise_and_other_light_hide_no_mark() -> None:
    move = Move(9, -7, degrees=2)
    noise = np.random.default_rng(1).normal(0, 12, (480, 640, 3))
    picture = (0.5 * move.seen(scene()) + 60 + noise).clip(0, 255).astype(np.uint8)
    assert move.error(follower(3).places(picture).regions[0]) < 1


def test_a_mark_that_something_covers_is_left_out() -> None:
    move = Move(6, 4, degrees=2)
    picture = move.seen(scene())
    picture[340:480, 250:400] = 90
    places = follower(3).places(picture)
    assert places.followed
    assert move.error(places.regions[0]) < 1


def test_without_any_mark_the_regions_stay_where_they_were_last() -> None:
    move, following = Move(10, 8, degrees=2), follower(2)
    following.places(move.seen(scene()))
    places = following.places(np.full((480, 640, 3), 30, np.uint8))
    assert not places.followed
    assert move.error(places.regions[0]) < 0.6


def test_a_picture_is_refused_while_no_mark_was_ever_found() -> None:
    with pytest.raises(NoMarkError, match="none of the region file's marks is in the picture"):
        follower(3).places(np.full((480, 640, 1), 30, np.uint8))


def test_a_picture_of_something_else_has_no_marks() -> None:
    other = np.random.default_rng(8).integers(0, 255, (480, 640, 3), np.uint8)
    with pytest.raises(FrameError):
        follower(3).places(np.asarray(cv2.GaussianBlur(other, (0, 0), 3), np.uint8))


def test_a_region_that_has_left_the_picture_is_told() -> None:
    region = Region("edge", ((600, 200), (640, 200), (640, 270), (600, 270)))
    following = Follower(Regions((640, 480), (region,), MARKS[:2]), scene())
    with pytest.raises(FrameError, match="region edge has left the picture"):
        following.places(Move(30, 0).seen(scene()))


def test_marks_are_followed_in_larger_pictures() -> None:
    move = Move(9, -5, degrees=2)
    larger = cv2.resize(move.seen(scene()), (1280, 960), interpolation=cv2.INTER_CUBIC)
    (region,) = follower(2).places(larger).regions
    halved = Region("d1", tuple((x / 2, y / 2) for x, y in region.corners))  # type: ignore[arg-type]
    assert move.error(halved) < 0.8


@pytest.mark.parametrize("what", ["one grey", "a straight edge", "stripes"])
def test_a_mark_that_cannot_be_told_from_its_surroundings_is_refused(what: str) -> None:
    picture = np.full((480, 640, 1), 99, np.uint8)
    if what == "a straight edge":
        picture[:, 80:] = 200
    if what == "stripes":
        picture[::16] = 200
    with pytest.raises(ConfigurationError, match=r"\[\[mark\]\] 1: box is .* looks the same beside it"):
        Follower(Regions((640, 480), (REGION,), MARKS[:1]), picture)


def test_a_mark_at_the_edge_of_its_search_is_not_found() -> None:
    with pytest.raises(FrameError):
        follower(1).places(Move(43, 0).seen(scene()))


def test_a_reference_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is 320×240 pixels; give one of 640×480"):
        Follower(Regions((640, 480), (REGION,), MARKS[:1]), scene()[::2, ::2])
