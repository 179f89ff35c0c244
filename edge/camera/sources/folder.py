"""The pictures that are in a folder."""

from collections.abc import Iterator
from pathlib import Path

from common.errors import ConfigurationError, FrameError
from common.logs import get_logger
from common.pictures.reading import SUFFIXES, pictures_in, read_picture
from edge.camera.cameras import Shot
from edge.camera.sources.pace import Pace

log = get_logger(__name__)


class FolderCamera:
    """The pictures of a folder in order of their names; `loop` begins again at the end."""

    def __init__(self, folder: Path, loop: bool, pace: Pace, rate: float | None) -> None:
        self._paths = _pictures(folder)
        self._folder, self._loop, self._pace = folder, loop, pace
        self.rate = rate or 1.0
        self.skipped = 0

    def shots(self) -> Iterator[Shot]:
        """Each picture that can be read; raises `FrameError` when none can."""
        while True:
            before = self.skipped
            yield from self._once()
            if self.skipped - before == len(self._paths):
                raise FrameError(
                    f"none of the {len(self._paths)} pictures in {self._folder} can be used; the warnings say why"
                )
            if self._pace.stopped or not self._loop:
                return

    def close(self) -> None:
        """End `shots`; nothing is held open."""
        self._pace.stop()

    def _once(self) -> Iterator[Shot]:
        for path in self._paths:
            try:
                picture = read_picture(path)
            except FrameError as error:
                self.skipped += 1
                log.warning("skipped a picture", file=path.name, reason=str(error))
                continue
            self._pace.wait()
            if self._pace.stopped:
                return
            yield Shot(picture, path.name)


def _pictures(folder: Path) -> list[Path]:
    try:
        paths = pictures_in(folder)
    except OSError as error:
        raise ConfigurationError(f"camera is folder:{folder}, which can't be read: {error.strerror}") from error
    if not paths:
        raise ConfigurationError(
            f"camera is folder:{folder}, which holds no pictures ({', '.join(SUFFIXES)}); put some there, "
            "or let blindsight device wait for them with --watch"
        )
    return paths
