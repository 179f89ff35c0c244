"""Snapshots by HTTP: a picture is fetched whenever one is due."""

from collections.abc import Iterator

from common.errors import BlindsightError, FrameError
from common.logs import get_logger
from common.pictures.reading import decode_picture
from edge.camera.cameras import Shot
from edge.camera.sources.http_client import HttpClient
from edge.camera.sources.pace import Pace
from edge.camera.sources.retries import Retries

log = get_logger(__name__)


class SnapshotCamera:
    """Fetches a picture whenever one is due: it is always the newest."""

    def __init__(self, client: HttpClient, rate: float) -> None:
        self._client, self._pace, self.rate = client, Pace(rate), rate
        self._name = client.address.shown
        self._retries = Retries(self._name, self._pace)
        self._retries.worked()
        self.skipped = 0

    @property
    def trouble(self) -> str:
        """Why there are no pictures now."""
        return self._retries.trouble

    @property
    def reconnects(self) -> int:
        """How often the camera failed and was asked again."""
        return self._retries.count

    def shots(self) -> Iterator[Shot]:
        """Pictures, for ever."""
        number = 0
        try:
            while True:
                self._pace.wait()
                if self._pace.stopped:
                    return
                try:
                    data = self._client.fetch()
                except BlindsightError as error:
                    self._retries.failed(error)
                    continue
                self._retries.worked()
                try:
                    picture = decode_picture(data, f"what {self._name} sent")
                except FrameError as error:
                    self.skipped += 1
                    log.warning("skipped a picture", reason=str(error))
                    continue
                yield Shot(picture, f"http:{number}")
                number += 1
        finally:
            self._client.close()

    def close(self) -> None:
        """End `shots`, once an answer that is on its way is there."""
        self._pace.stop()
