"""Whether a camera still gives pictures, and how many it gave: for health, metrics and the device's status."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from edge import clock
from edge.camera.cameras import Camera, Shot

#: Periods of a camera without a picture after which a device isn't well.
_PERIODS = 5
#: Seconds that a camera may take for a picture in any case: cameras start, and connections are made anew.
_LEAST_SECONDS = 30.0


class CameraPulse:
    """A camera's shots, watched. Called, it is a check of health: a sentence while pictures are overdue.

    They are overdue after five of the camera's periods, and 30 s at least. The period is that of its attribute `rate`
    (pictures a second); nothing is expected of a camera without. Only the time that the camera takes counts, not the
    time in which its last picture is worked on.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        rate: float | None = getattr(camera, "rate", None)
        self._limit = max(_LEAST_SECONDS, _PERIODS / rate) if rate else None
        self._asked_at: float | None = None  # monotonic, while the camera takes its time
        self._since = clock.now()
        self.pictures, self.unfit = 0, 0
        self.last_at: float | None = None

    def shots(self) -> Iterator[Shot]:
        """The camera's shots."""
        shots = self._camera.shots()
        while True:
            self._asked_at = time.monotonic()
            try:
                shot = next(shots)
            except StopIteration:
                return
            finally:
                self._asked_at = None
            self.pictures += 1
            self._since = self.last_at = clock.now()
            yield shot

    @property
    def skipped(self) -> int:
        """Pictures that couldn't be read, or didn't fit."""
        return self.unfit + int(getattr(self._camera, "skipped", 0))

    @property
    def reconnects(self) -> int:
        """How often the camera failed and was tried again."""
        return int(getattr(self._camera, "reconnects", 0))

    def overdue_since(self) -> float | None:
        """When the camera gave its last picture (s since 1970), or started; None while it gives them in time."""
        asked_at = self._asked_at
        if self._limit is None or asked_at is None or time.monotonic() - asked_at <= self._limit:
            return None
        return self._since

    def __call__(self) -> str | None:
        since = self.overdue_since()
        if since is None:
            return None
        trouble = str(getattr(self._camera, "trouble", ""))
        at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"the camera has given no picture since {at}{': ' if trouble else ''}{trouble}"
