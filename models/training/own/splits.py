"""Which pictures a network learns from, which ones decide when to stop, and which ones it is measured on.

A picture's part follows from its name alone: pictures that are added later move no other from part to part, and a
picture that was learned from is never measured on, however often a model is trained again.
"""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
#: Shares of the pictures that are kept for validation, and for the test.
_VALIDATION, _TEST = 0.15, 0.15
#: Folders that say that the pictures are split already; torchvision's data sets call the second one `val`.
FOLDERS: dict[str, Part] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def part_of(name: str, parts: Sequence[Part] = PARTS) -> Part:
    """The part of a picture, by the SHA-256 of its file's name, whatever folder it is in.

    So a picture stays in its part when it is labelled anew. `parts` are those that there is a choice between.
    """
    digest = hashlib.sha256(PurePosixPath(name).name.encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if "validation" in parts and place < _VALIDATION:
        return "validation"
    if "test" in parts and place >= 1 - _TEST:
        return "test"
    return "train"


def split_folders(path: Path) -> dict[Part, Path]:
    """The folders of pictures that are split already, by part; none where `path` isn't split.

    Two folders at least must be there, one of them `train`: else `test`, say, is the name of a class.
    """
    found = {part: path / name for name, part in FOLDERS.items() if (path / name).is_dir()}
    return found if "train" in found and len(found) > 1 else {}


def write_split(path: Path, names: Sequence[str], parts: Sequence[Part]) -> None:
    """Write the parts as a table (file, part)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "part"])
        rows.writerows(sorted(zip(names, parts, strict=True)))
