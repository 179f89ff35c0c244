"""What a camera is: a source of pictures, which knows nothing of the model. `sources` has those that come with us."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from common.pictures.picture import Picture


@dataclass(frozen=True)
class Shot:
    """A picture as it was taken, uint8 (h, w, 1|3), and its source, such as a file's name."""

    picture: Picture
    source: str = ""


class Camera(Protocol):
    """A source of pictures, in their own size.

    It may have attributes besides, which `CameraPulse` reads: `rate`, how many pictures a second are expected of it,
    and `skipped`, `reconnects` and `trouble`.
    """

    def shots(self) -> Iterator[Shot]:
        """Pictures as they come; ends with the folder or video, or soon after `close`.

        Raises `FrameError` when no further picture can be had.
        """

    def close(self) -> None:
        """End `shots`, from any thread, even while it waits."""
