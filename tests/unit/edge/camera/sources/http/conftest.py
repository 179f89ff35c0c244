"""Cameras at servers of a test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from edge.camera.sources.live import LiveCamera
from edge.camera.sources.opening import open_camera
from tests.unit.edge.camera.sources.http.answers import counting
from tests.unit.edge.camera.sources.http.http_server import Answer, CameraServer, camera_server


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.05)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_SECONDS", 0.3)


@pytest.fixture
def serve() -> Iterator[Callable[..., CameraServer]]:
    with ExitStack() as stack:
        yield lambda answer, tls=None: stack.enter_context(camera_server(answer, tls))


@pytest.fixture
def connect(serve: Callable[..., CameraServer]) -> Iterator[Callable[..., Any]]:
    """Opens the camera at a server that answers so."""
    opened: list[Any] = []

    def start(answer: Answer | CameraServer, rate: float = 50.0, **options: Any) -> Any:
        server = answer if isinstance(answer, CameraServer) else serve(answer)
        opened.append(open_camera(server.url, rate=rate, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
        if isinstance(each, LiveCamera):
            each._reader.join(5)


@pytest.fixture(autouse=True)
def _from_the_start() -> None:
    counting.number = 0  # type: ignore[attr-defined]
