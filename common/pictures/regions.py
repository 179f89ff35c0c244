"""What is cut out of a camera's pictures, and the marks by which its place is followed.

Coordinates are pixels from the picture's top left corner, where pixel (0, 0) covers the square from 0 to 1.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from common.errors import ConfigurationError
from common.pictures.corners import Box, Corners
from common.pictures.normalise import Normalisation


class Region(msgspec.Struct, frozen=True):
    """What is cut out: four corners, clockwise from the top left of what the region shows."""

    name: str
    corners: Corners
    normalise: Normalisation = "digit"


class Mark(msgspec.Struct, frozen=True):
    """A reference mark: a box of the reference picture, which is looked for up to `search` pixels around its place."""

    box: Box
    search: Annotated[float, msgspec.Meta(gt=0)] = 32.0


class Regions(msgspec.Struct, frozen=True):
    """A region file's content: `size` is (width, height) in pixels; `readings` are tables of `common.readings`.

    `reference` is the file of the picture that the marks are boxes of.
    """

    size: tuple[int, int]
    regions: tuple[Region, ...]
    marks: tuple[Mark, ...] = ()
    reference: Path | None = None
    readings: tuple[dict[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The regions' names, in the file's order."""
        return tuple(region.name for region in self.regions)

    def scaled(self, width: int, height: int) -> "Regions":
        """The same regions and marks in pictures of another size. Raises `ConfigurationError` for another aspect ratio.

        A pixel more or less in height is no other ratio: cameras round.
        """
        if (width, height) == self.size:
            return self
        x, y = width / self.size[0], height / self.size[1]
        if abs(height - self.size[1] * x) > 1:
            raise ConfigurationError(
                f"a picture has {width}×{height} pixels, and size in [picture] of the region file is "
                f"{list(self.size)}, which has another aspect ratio; measure the corners in a picture of this camera "
                "as it is set now"
            )
        regions = tuple(
            msgspec.structs.replace(region, corners=tuple((px * x, py * y) for px, py in region.corners))
            for region in self.regions
        )
        marks = tuple(
            Mark((box[0] * x, box[1] * y, box[2] * x, box[3] * y), search * x)
            for box, search in ((mark.box, mark.search) for mark in self.marks)
        )
        return msgspec.structs.replace(self, size=(width, height), regions=regions, marks=marks)
