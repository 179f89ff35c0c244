"""Regions and readings while a person changes them: from a region file to the page, and back to a file."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from common.errors import ConfigurationError
from common.pictures.normalise import Normalisation
from common.pictures.region_file import format_regions, parse_regions
from common.pictures.regions import Region, Regions
from common.readings.spec import readings_of

#: What stands above the tables of a saved file.
_HEADER = """\
# Regions of a camera's pictures, and the readings that are made of them, for `blindsight device --regions`.
# Corners are pixels of a picture of [picture] size, clockwise from the top left of what the region shows;
# a reading names its regions from the most significant digit on, and the most that it grows in an hour (max_rate).

"""

_Point = tuple[float, float]


class DraftRegion(msgspec.Struct, forbid_unknown_fields=True):
    """A region as the page has it, whose corners may still be wrong."""

    name: str
    corners: tuple[_Point, _Point, _Point, _Point]
    normalise: Normalisation


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """What a person changes. `readings` are tables as they stand in the file; their check is `common.readings`'."""

    regions: list[DraftRegion]
    readings: list[dict[str, str | int | float | list[str]]]


def draft_of(regions: Regions) -> Draft:
    """Regions as the page gets them."""
    drafted = [DraftRegion(each.name, each.corners, each.normalise) for each in regions.regions]
    return Draft(drafted, [dict(table) for table in regions.readings])


def text_of(draft: Draft, before: Regions, out: Path) -> str:
    """The region file of a draft, with the picture's size and the marks of `before`.

    Raises `ConfigurationError` when it can't be read back from `out`: corners that cross, names that are there twice,
    a reading of regions that are not there.
    """
    regions = tuple(Region(each.name, each.corners, each.normalise) for each in draft.regions)
    tables: tuple[dict[str, Any], ...] = tuple(draft.readings)
    text = _HEADER + format_regions(msgspec.structs.replace(before, regions=regions, readings=tables))
    readings_of(parse_regions(text, out), out)
    return text


def write_text(text: str, out: Path, overwrite: bool) -> bool:
    """Write a file at once and whole; False where there is one already, unless `overwrite`.

    Raises `ConfigurationError` when it can't be written.
    """
    try:
        handle, partial = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                os.fchmod(file.fileno(), 0o644)  # a region file is no secret, and a service may run as another user
            if overwrite:
                Path(partial).replace(out)
            else:
                out.hardlink_to(partial)  # which fails where there is a file, unlike replace
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(partial).unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(f"out is {out}, which can't be written: {error.strerror}") from error
    return True
