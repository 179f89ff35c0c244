"""Where the regions are in a picture, though the camera has moved a little since they were measured.

Reference marks are looked for by normalised cross-correlation, which light and contrast don't change. A camera that was
turned turns the marks, too, so what was found first gives a transform, the picture is turned back by it, and the marks
are looked for again close to their places, to parts of a pixel.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.corners import Corners
from common.pictures.opencv import import_opencv
from common.pictures.picture import Picture
from common.pictures.reading import read_picture
from common.pictures.regions import Mark, Region, Regions

#: Correlation from which a mark counts as found: at first, when it may still be turned, and in the end.
_FOUND_FIRST, _FOUND = 0.5, 0.7
#: Pixels around its place in which a mark is looked for again, and how often.
_AGAIN, _ROUNDS = 8.0, 3
#: Pixels by which a mark may be off where the others say it is; beyond, something else was taken for it.
_OFF = 4.0
#: The least and the most by which a camera's move enlarges, and by which it stretches one direction more than another.
_SCALES, _STRETCH = (0.9, 1.1), 1.1
#: Correlation with its surroundings from which a mark can't be told from them, and how far these are, in its size.
_ALIKE, _APART = 0.95, 0.3
#: Share of the picture's width that three marks have to be away from one line, or they tell nothing across it.
_SPREAD = 0.05

#: A map of points (x, y, 1) of the reference picture to points of a picture, shape (2, 3).
Transform = NDArray[np.float64]


class NoMarkError(FrameError):
    """No mark is in a picture, and none was in an earlier one; a later one may have them."""


class Places(NamedTuple):
    """Regions and marks in a picture's own pixels; `followed` is whether its marks were found, or there are none."""

    regions: tuple[Region, ...]
    marks: tuple[Corners, ...]
    followed: bool


def open_follower(regions: Regions) -> "Follower":
    """A follower with the reference picture that the region file names. Raises `ConfigurationError` like `Follower`."""
    if not regions.marks or regions.reference is None:
        return Follower(regions)
    try:
        return Follower(regions, read_picture(regions.reference))
    except FrameError as error:
        raise ConfigurationError(f"[picture]: reference is {regions.reference.name}: {error}") from error


class Follower:
    """Finds the places of regions in one picture after the other, by their marks if there are any.

    Where no mark is found, the camera is taken to be where it was last. `reference` (h, w, 1 or 3) is the picture that
    the marks are boxes of. Raises `ConfigurationError` when it isn't of the region file's size, a mark in it has no
    contrast, or OpenCV isn't installed.
    """

    def __init__(self, regions: Regions, reference: Picture | None = None) -> None:
        self._cv2 = import_opencv("regions")
        self.names = regions.names
        self._at_first, self._now = regions, regions
        self._reference = reference
        self._transform: Transform | None = None
        self._patches: list[NDArray[np.uint8]] = []
        if regions.marks:
            if reference is None or reference.shape[1::-1] != regions.size:
                size = "missing" if reference is None else f"{reference.shape[1]}×{reference.shape[0]} pixels"
                raise ConfigurationError(
                    f"the reference picture of the marks is {size}; give one of {regions.size[0]}×{regions.size[1]}"
                )
            self._cut_patches()

    def places(self, picture: Picture) -> Places:
        """The regions' places in a picture (h, w, c) of the region file's aspect ratio.

        Raises `FrameError` for another ratio and when a region has left the picture, and `NoMarkError`.
        """
        height, width = picture.shape[:2]
        if (width, height) != self._now.size:
            self._resize(width, height)
        if not self._now.marks:
            return Places(self._now.regions, (), True)
        found = self._find(self._grey(picture))
        if found is not None:
            self._transform = found
        if self._transform is None:
            raise NoMarkError("none of the region file's marks is in the picture, and none was before")
        marks = tuple(_moved(_corners_of(mark), self._transform) for mark in self._now.marks)
        return Places(self._regions(self._transform), marks, found is not None)

    def _resize(self, width: int, height: int) -> None:
        """Go on with pictures of another size, as a camera gives whose settings were changed."""
        try:
            self._now = self._at_first.scaled(width, height)
        except ConfigurationError as error:
            raise FrameError(str(error)) from error
        self._transform = None
        if self._now.marks:
            self._cut_patches()

    def _cut_patches(self) -> None:
        assert self._reference is not None
        reference = self._grey(self._reference)
        if self._now.size != self._at_first.size:
            reference = self._cv2.resize(reference, self._now.size, interpolation=self._cv2.INTER_AREA)
        self._patches = []
        for number, mark in enumerate(self._now.marks, 1):
            left, top, width, height = (round(value) for value in mark.box)
            patch = reference[top : top + height, left : left + width]
            if self._now is self._at_first:
                self._check_mark(number, mark, patch, reference)
            self._patches.append(patch)

    def _check_mark(self, number: int, mark: Mark, patch: NDArray[np.uint8], reference: NDArray[np.uint8]) -> None:
        """Raise `ConfigurationError` for a mark that can't be told from its surroundings in the reference picture."""
        reach = round(mark.search)
        scores = self._scores(reference, mark, patch, reach)
        rows, columns = np.indices(scores.shape) - reach
        apart = (np.abs(rows) > _APART * patch.shape[0]) | (np.abs(columns) > _APART * patch.shape[1])
        if patch.std() < 2 or (apart.any() and scores[apart].max() >= _ALIKE):
            raise ConfigurationError(
                f"[[mark]] {number}: box is {list(mark.box)}, and the reference picture looks the same beside it; "
                "choose a part with edges in both directions that is there once"
            )

    def _find(self, grey: NDArray[np.uint8]) -> Transform | None:
        """The transform that the marks in a picture (h, w) tell, if they are there."""
        searched = [self._match(grey, mark, patch, mark.search) for mark, patch in self._matched()]
        transform = self._fit(searched, _FOUND_FIRST, np.eye(2, 3))
        for _ in range(_ROUNDS):
            if transform is None:
                return None
            turned_back = self._cv2.warpAffine(
                grey,
                _for_centres(transform),
                self._now.size,
                flags=self._cv2.INTER_LINEAR | self._cv2.WARP_INVERSE_MAP,
                borderMode=self._cv2.BORDER_REPLICATE,
            )
            searched = [self._match(turned_back, mark, patch, _AGAIN) for mark, patch in self._matched()]
            transform = self._fit(searched, _FOUND, transform)
        return transform

    def _matched(self) -> Iterator[tuple[Mark, NDArray[np.uint8]]]:
        return zip(self._now.marks, self._patches, strict=True)

    def _match(
        self, grey: NDArray[np.uint8], mark: Mark, patch: NDArray[np.uint8], search: float
    ) -> tuple[float, float, float]:
        """How far right and down a mark is of its place, in pixels, and its correlation there."""
        reach = round(search)
        scores = self._scores(grey, mark, patch, reach)
        _, best, _, (x, y) = self._cv2.minMaxLoc(scores)
        if min(x, y) == 0 or x == scores.shape[1] - 1 or y == scores.shape[0] - 1:
            return 0.0, 0.0, 0.0  # it grows towards what wasn't searched: no peak
        return x + _peak(scores[y], x) - reach, y + _peak(scores[:, x], y) - reach, float(best)

    def _scores(self, grey: NDArray[np.uint8], mark: Mark, patch: NDArray[np.uint8], reach: int) -> NDArray[np.float32]:
        """A mark's correlation at each place up to `reach` pixels around its own, (2 · reach + 1, 2 · reach + 1)."""
        left, top = (round(value) for value in mark.box[:2])
        rows = np.arange(top - reach, top + patch.shape[0] + reach).clip(0, grey.shape[0] - 1)
        columns = np.arange(left - reach, left + patch.shape[1] + reach).clip(0, grey.shape[1] - 1)
        window = grey[np.ix_(rows, columns)]
        return np.asarray(self._cv2.matchTemplate(window, patch, self._cv2.TM_CCOEFF_NORMED), np.float32)

    def _fit(self, searched: list[tuple[float, float, float]], least: float, before: Transform) -> Transform | None:
        """The transform behind `before` that takes the marks to where they were found, if that is a camera's move."""
        found = [index for index, (_, _, score) in enumerate(searched) if score >= least]
        if not found:
            return None
        places = np.array([_middle(self._now.marks[index]) for index in found])
        moved = np.array([searched[index][:2] for index in found]) + places
        targets = moved @ before[:, :2].T + before[:, 2]
        if len(found) == 1:  # it tells a shift, and how the camera is turned was told before
            linear = before[:, :2] if self._transform is None else self._transform[:, :2]
            return np.column_stack([linear, targets[0] - linear @ places[0]])
        return self._several(places, targets)

    def _several(self, places: NDArray[np.float64], targets: NDArray[np.float64]) -> Transform | None:
        """The similarity, or from three marks on the affine transform, of most marks."""
        similar, agreeing = self._cv2.estimateAffinePartial2D(places, targets, ransacReprojThreshold=_OFF)
        if similar is None:
            return None
        kept = agreeing.ravel().astype(bool)
        transform: Transform = similar
        spread = np.linalg.svd(places[kept] - places[kept].mean(axis=0), compute_uv=False)
        if kept.sum() >= 3 and spread[1] >= _SPREAD * self._now.size[0]:
            terms = np.column_stack([places[kept], np.ones(kept.sum())])
            transform = np.linalg.lstsq(terms, targets[kept], rcond=None)[0].T
        larger, smaller = np.linalg.svd(transform[:, :2], compute_uv=False)
        is_move = _SCALES[0] <= smaller and larger <= _SCALES[1] and larger <= _STRETCH * smaller
        return transform if is_move and np.linalg.det(transform[:, :2]) > 0 else None

    def _regions(self, transform: Transform) -> tuple[Region, ...]:
        width, height = self._now.size
        regions = []
        for region in self._now.regions:
            corners = _moved(region.corners, transform)
            x, y = np.mean(corners, axis=0)
            if not (0 <= x <= width and 0 <= y <= height):
                raise FrameError(f"region {region.name} has left the picture: the marks say how the camera has moved")
            regions.append(Region(region.name, corners, region.normalise))
        return tuple(regions)

    def _grey(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if picture.shape[2] == 1:
            return picture[:, :, 0]
        return np.asarray(self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY), np.uint8)


def _middle(mark: Mark) -> tuple[float, float]:
    left, top, width, height = mark.box
    return left + width / 2, top + height / 2


def _for_centres(transform: Transform) -> Transform:
    """A transform of coordinates from corners of pixels, as one from their centres, which OpenCV has."""
    half = np.full(2, 0.5)
    return np.column_stack([transform[:, :2], transform[:, 2] + transform[:, :2] @ half - half])


def _peak(scores: NDArray[np.float32], index: int) -> float:
    """How far from `index`, by up to half, the top is of the parabola through a maximum and its neighbours."""
    if not 0 < index < len(scores) - 1:
        return 0.0
    before, top, after = (float(value) for value in scores[index - 1 : index + 2])
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend


def _moved(corners: Corners, transform: Transform) -> Corners:
    points = np.array(corners) @ transform[:, :2].T + transform[:, 2]
    first, second, third, fourth = ((float(x), float(y)) for x, y in points)
    return first, second, third, fourth


def _corners_of(mark: Mark) -> Corners:
    left, top, width, height = mark.box
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)
