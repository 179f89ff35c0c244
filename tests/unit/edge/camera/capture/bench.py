"""A capture with all that it needs, and what it has kept."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.camera.cameras import Shot
from edge.camera.capture import Capture
from edge.camera.framing import Framing, WholePicture
from edge.camera.gate import Gate
from edge.encryption import EncryptedFrames
from edge.outbox.entries import Entry
from edge.outbox.outbox import Outbox
from models.plans import get_plan

K = 4
HEAD = msgspec.structs.replace(get_plan("digits", 128).head, frames_per_ciphertext=K)
LONG = 60.0


class Camera:
    """Gives what is put in, and waits for more, for ever if need be; None ends it."""

    def __init__(self) -> None:
        self.skipped = 0
        self.feed: queue.Queue[Shot | Exception | None] = queue.Queue()
        self.given = 0

    def show(self, *sources: str, shape: tuple[int, ...] = HEAD.frame_shape) -> None:
        for source in sources:
            self.feed.put(Shot(np.zeros(shape, np.uint8), source))

    def shots(self) -> Iterator[Shot]:
        while (item := self.feed.get()) is not None:
            if isinstance(item, Exception):
                raise item
            self.given += 1
            yield item

    def close(self) -> None:
        self.feed.put(None)


class Cipher:
    """As quick as it can be: the "ciphertext" is as many bytes as there are frames."""

    head = HEAD
    key_set = SimpleNamespace(fingerprint="k" * 64)

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()

    def encrypt(self, frames: NDArray[np.uint8]) -> EncryptedFrames:
        self.open.wait()
        return EncryptedFrames(bytes(len(frames)), f"{time.monotonic_ns():016x}"[-16:], 1.0)


class Bench:
    """A capture with all that it needs, and what it has kept."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.camera, self.cipher = Camera(), Cipher()
        self.outbox = Outbox(folder / "outbox.sqlite", options.pop("max_bytes", 10_000))
        self.accepted = 0
        framing: Framing = options.pop("framing", WholePicture(HEAD.frame_shape, resize=False))
        settings = {"latest": False, "burst_wait": LONG, "check_at": lambda _: None, **options}
        self.capture = Capture(
            self.camera,
            Gate(None, None),
            framing,
            self.cipher,
            self.outbox,
            **settings,
            accepted=self._count,  # type: ignore[arg-type]
        )
        self.capture.start()

    def _count(self) -> None:
        self.accepted += 1

    def bursts(self) -> list[list[str]]:
        return [[frame.source for frame in entry.frames] for entry in self.entries()]

    def entries(self) -> list[Entry]:
        return list(self.outbox.due(0, 100))

    def close(self) -> None:
        self.cipher.open.set()
        self.capture.stop()
        self.outbox.close()


def eventually(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())
