"""The region file: what is cut out of a camera's pictures, as TOML.

    [picture]
    size = [640, 480]              # of the picture that the corners were measured in
    reference = "reference.png"    # only where there are marks: such a picture, beside this file

    [[region]]
    name = "d1"
    corners = [[204, 180], [252, 178], [254, 262], [206, 264]]   # clockwise from the top left of what is shown
    normalise = "digit"            # or "light", "none"

    [[mark]]
    box = [40, 60, 48, 48]         # x, y, width, height in the reference picture
    search = 32                    # pixels around it in which it is looked for

Coordinates are pixels from the picture's top left corner, where pixel (0, 0) covers the square from 0 to 1. The tables
`[reading]` and `[[reading]]` belong to `common.readings`; they are handed on as they are.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from common.errors import ConfigurationError
from common.files import read_file
from common.pictures.corners import Box, Point, box_corners, check_corners
from common.pictures.normalise import Normalisation
from common.pictures.regions import Mark, Region, Regions
from common.quoting import shown

#: Bytes of a region file, at most.
_MOST_BYTES = 1 << 18
#: Characters of a line, at most. The time that tomllib takes grows with the square of the dots in a key.
_MOST_CHARACTERS = 4096
#: Regions of a file, at most: a ciphertext takes no more frames of the shipped models.
_MOST_REGIONS = 64
#: Reference marks of a file, at most: each one is searched for in every picture.
_MOST_MARKS = 8
#: The form of a region's name, which is part of messages and of files' names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
#: The tables of a region file.
_TABLES = {"picture", "region", "mark", "reading"}

#: What each field takes.
_FORMS = {
    "size": "[width, height], 16 to 65,535 pixels each",
    "reference": "the name of a picture beside this file",
    "name": 'a text such as "d1"',
    "corners": "four points [x, y], clockwise from the top left",
    "box": "[x, y, width, height] in pixels",
    "normalise": '"digit", "light" or "none"',
    "search": "pixels, above 0 and at most 500",
}

_Pixels = Annotated[int, msgspec.Meta(ge=16, le=65_535)]


class _PictureTable(msgspec.Struct):
    size: tuple[_Pixels, _Pixels]
    reference: str | None = None


class _RegionTable(msgspec.Struct):
    name: str
    corners: list[Point] | None = None
    box: Box | None = None
    normalise: Normalisation = "digit"


class _MarkTable(msgspec.Struct):
    box: Box
    search: Annotated[float, msgspec.Meta(gt=0, le=500)] = 32.0


def load_regions(path: Path) -> Regions:
    """A region file. Raises `ConfigurationError` naming the file, the table, the field, its value and the fix."""
    try:
        text = read_file(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"regions is {path}, which can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"regions is {path}, which is no UTF-8 text; save it as one") from error
    return parse_regions(text, path)


def parse_regions(text: str, path: Path) -> Regions:
    """The content of a region file that is, or is going to be, at `path`. Raises like `load_regions`."""
    try:
        return _read(_parsed(text), path.parent)
    except (ValueError, RecursionError) as error:  # tomllib's, with line and column; or an impossible date or number
        raise ConfigurationError(f"regions is {path}, which is no TOML: {shown(error)}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"regions is {path}: {error}") from error


def format_regions(regions: Regions) -> str:
    """Regions as the text of a region file, which `parse_regions` reads back; coordinates to a tenth of a pixel."""
    lines = ["[picture]", f"size = {list(regions.size)}"]
    if regions.reference is not None:
        lines.append(f"reference = {_quoted(regions.reference.name)}")
    for region in regions.regions:
        corners = ", ".join(f"[{_number(x)}, {_number(y)}]" for x, y in region.corners)
        lines += ["", "[[region]]", f"name = {_quoted(region.name)}", f"corners = [{corners}]"]
        lines.append(f"normalise = {_quoted(region.normalise)}")
    for mark in regions.marks:
        lines += ["", "[[mark]]", f"box = [{', '.join(map(_number, mark.box))}]", f"search = {_number(mark.search)}"]
    for table in regions.readings:
        lines += ["", "[[reading]]", *(f"{name} = {_quoted(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _parsed(text: str) -> dict[str, Any]:
    """The tables in a text of TOML. Raises `ValueError`, and `RecursionError` for one that is nested too deeply."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > _MOST_CHARACTERS:
            raise ValueError(f"line {number} has {len(line):,} characters; at most {_MOST_CHARACTERS:,} are read")
    return tomllib.loads(text)


def _quoted(value: object) -> str:
    """A text, number, truth value or list as TOML writes it, which is as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return f"{round(value, 1):g}" if abs(value) < 1e5 else str(round(value))


def _read(document: dict[str, Any], folder: Path) -> Regions:
    for unknown in document.keys() - _TABLES:
        raise ConfigurationError(
            f"[{shown(unknown)}] is unknown; there are [picture], [[region]], [[mark]] and [reading]"
        )
    picture = _convert(document.get("picture"), _PictureTable, "[picture]")
    tables = _tables(document, "region")
    if not 1 <= len(tables) <= _MOST_REGIONS:
        raise ConfigurationError(f"there are {len(tables)} tables [[region]]; give 1 to {_MOST_REGIONS}")
    regions = tuple(_region(table, number, picture.size) for number, table in enumerate(tables, 1))
    names = [region.name for region in regions]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            raise ConfigurationError(
                f"[[region]] {number}: name is {name!r}, and so is that of [[region]] {names.index(name) + 1}; "
                "give each its own"
            )
    return Regions(
        picture.size,
        regions,
        _marks(document, picture),
        _reference(picture, folder),
        tuple(_tables(document, "reading")),
    )


def _tables(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = document.get(name, [])
    tables = [value] if isinstance(value, dict) and name == "reading" else value
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"{name} is {shown(value)}; write tables [[{name}]]")
    return tables


def _region(table: dict[str, Any], number: int, size: tuple[int, int]) -> Region:
    name = table.get("name")
    where = f"[[region]] {number}" + (f" ({shown(name)})" if isinstance(name, str) else "")
    region = _convert(table, _RegionTable, where)
    if not _NAME.fullmatch(region.name):
        raise ConfigurationError(
            f"{where}: name is {shown(region.name)!r}; give 1 to 32 of A-Z, a-z, 0-9, '-', '_' and '.', such as \"d1\""
        )
    if (region.corners is None) == (region.box is None):
        raise ConfigurationError(f"{where}: give either corners, four points [x, y], or box, [x, y, width, height]")
    if region.box is not None:
        return Region(region.name, box_corners(region.box, size, where), region.normalise)
    assert region.corners is not None
    if len(region.corners) != 4:
        raise ConfigurationError(
            f"{where}: corners has {len(region.corners)} points; give four, clockwise from the top left"
        )
    corners = (region.corners[0], region.corners[1], region.corners[2], region.corners[3])
    check_corners(corners, size, where)
    return Region(region.name, corners, region.normalise)


def _marks(document: dict[str, Any], picture: _PictureTable) -> tuple[Mark, ...]:
    tables = _tables(document, "mark")
    if len(tables) > _MOST_MARKS:
        raise ConfigurationError(f"there are {len(tables)} tables [[mark]]; give {_MOST_MARKS} at most")
    if tables and picture.reference is None:
        raise ConfigurationError(
            "[picture]: reference is missing, and there are tables [[mark]]; write the name of the picture beside this "
            "file that they are boxes of"
        )
    marks = []
    for number, table in enumerate(tables, 1):
        mark = _convert(table, _MarkTable, f"[[mark]] {number}")
        box_corners(mark.box, picture.size, f"[[mark]] {number}", outside=0.0)
        marks.append(Mark(mark.box, mark.search))
    return tuple(marks)


def _reference(picture: _PictureTable, folder: Path) -> Path | None:
    return None if picture.reference is None else folder / picture.reference


def _convert(table: object, kind: type[Any], where: str) -> Any:
    """A table as a struct. Raises `ConfigurationError` naming the field, its value and what it takes."""
    names = [field.name for field in msgspec.structs.fields(kind)]
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{where} is {'missing' if table is None else shown(table)}; it has {', '.join(names)}"
        )
    for unknown in table.keys() - names:
        raise ConfigurationError(f"{where}: {shown(unknown)} is unknown; it has {', '.join(names)}")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        place = re.search(r" - at `\$\.(\w+)", str(error))
        if place is None:  # what is required and missing
            raise ConfigurationError(f"{where}: {names[0]} is missing; give {_FORMS[names[0]]}") from error
        raise ConfigurationError(f"{where}: {place[1]} is {shown(table[place[1]])}; give {_FORMS[place[1]]}") from error
