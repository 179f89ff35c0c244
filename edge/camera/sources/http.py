"""The camera at an address by HTTP: a snapshot, or a stream."""

from pathlib import Path

from common.errors import BlindsightError
from edge.camera.cameras import Camera
from edge.camera.sources.address import Address
from edge.camera.sources.http_client import HttpClient
from edge.camera.sources.live import LiveCamera
from edge.camera.sources.mjpeg import MjpegConnection, boundary_of
from edge.camera.sources.pace import Pace
from edge.camera.sources.retries import Retries
from edge.camera.sources.snapshots import SnapshotCamera

#: Pictures a second that are fetched where nobody says how many.
_RATE = 1.0


def open_http(address: Address, rate: float | None, ca: Path | None) -> Camera:
    """The camera at an address: what it answers tells whether it is a stream or a snapshot.

    Raises `FrameError` and `ConfigurationError` when it doesn't answer as a camera.
    """
    client = HttpClient(address, ca)
    pace = Pace(rate)
    retries = Retries(address.shown, pace)
    while True:
        try:
            is_stream = _is_stream(client)
            break
        except BlindsightError as error:
            retries.failed(error)
    retries.worked()
    if is_stream:
        return LiveCamera("http", address.shown, lambda: MjpegConnection(client), pace, rate).open()
    return SnapshotCamera(client, rate or _RATE)


def _is_stream(client: HttpClient) -> bool:
    response = client.get()
    response.close()
    return boundary_of(response) is not None
