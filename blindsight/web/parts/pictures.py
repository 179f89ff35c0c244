"""The pictures that a device still has of its frames: in a folder that is its camera, or among those that it keeps."""

from bisect import bisect_left
from datetime import UTC, datetime
from pathlib import Path

from blindsight.web.parts.stories import picture_png
from web.site import LabelView

#: Seconds between a frame's capture and the time in the name of its kept picture, at most.
_MOST_SECONDS = 5.0
#: The beginning of the camera that is a folder of pictures.
_FOLDER = "folder:"


def of_camera(camera: str, label: LabelView) -> bytes | None:
    """The picture that a frame was made of, where the camera is a folder in which it still lies."""
    if not camera.startswith(_FOLDER):
        return None
    return of_folder(Path(camera.removeprefix(_FOLDER)), label)


def of_folder(folder: Path, label: LabelView) -> bytes | None:
    """A frame's picture in a folder. Its source is the name of the picture, and of its region."""
    for name in (label.source, label.source.rpartition(":")[0]):  # a file's name may hold a colon, too
        if name and Path(name).name == name and (folder / name).is_file():
            return picture_png(folder / name)
    return None


def of_kept(folder: Path, label: LabelView) -> bytes | None:
    """The first picture that a device kept (`edge.camera.kept_frames`) when it captured a frame."""
    earliest = _name_at(label.at)
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix == ".png")
    except OSError:
        return None
    place = bisect_left(names, earliest)
    if place == len(names) or names[place] > _name_at(label.at + _MOST_SECONDS):
        return None
    return picture_png(folder / names[place])


def _name_at(at: float) -> str:
    """What the name of a picture that is kept at a time (epoch, s) begins with, or would."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
