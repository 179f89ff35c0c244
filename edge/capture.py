"""The camera's thread: gate, encrypt, keep. A frame is accepted once it is in the outbox."""

import threading
import time
from collections.abc import Callable

import structlog

from common.errors import BlindsightError, FrameError, OutboxFullError
from edge.cameras import Camera, Shot
from edge.encryption import FrameCipher
from edge.gate import Gate
from edge.outbox import Entry, Outbox

_FULL_WAIT = 1.0

log = structlog.get_logger()


class Capture:
    """Takes shots until the camera ends, `stop` is called or an error ends it."""

    def __init__(
        self,
        camera: Camera,
        gate: Gate,
        cipher: FrameCipher,
        outbox: Outbox,
        latest: bool,
        accepted: Callable[[], None],
    ) -> None:
        self._camera, self._gate, self._cipher, self._outbox = camera, gate, cipher, outbox
        self._latest = latest
        self._accepted = accepted
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.error: BlindsightError | None = None

    @property
    def done(self) -> bool:
        """Whether no more frames will come."""
        return not self._thread.is_alive()

    def start(self) -> None:
        """Start taking shots."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further shot; waits briefly for the one in work."""
        self._stopping.set()
        self._camera.close()  # ends a wait for the next shot
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            for shot in self._camera.shots():
                if self._stopping.is_set():
                    break
                if self._gate.admits(shot.frame):
                    self._accept(shot)
        except BlindsightError as error:
            self.error = error
        finally:
            self._camera.close()
            self._accepted()

    def _accept(self, shot: Shot) -> None:
        captured_at = time.time()
        try:
            encrypted = self._cipher.encrypt(shot.frame[None])
        except FrameError as error:
            log.warning("skipped a frame", source=shot.source, reason=str(error))
            return
        counter = self._outbox.next_counter()
        entry = Entry(
            job=f"{counter:08d}-{encrypted.digest}",
            counter=counter,
            source=shot.source,
            captured_at=captured_at,
            encrypt_ms=encrypted.ms,
            ciphertext=encrypted.ciphertext,
            key_set=self._cipher.key_set.fingerprint,
            plan=self._cipher.head.hash,
        )
        self._store(entry)

    def _store(self, entry: Entry) -> None:
        """Keep an entry; under `all` the camera waits while the outbox is full."""
        warned = False
        while not self._stopping.is_set():
            if self._latest:
                self._outbox.drop_unsent(keep=0)
            try:
                self._outbox.add(entry)
            except OutboxFullError as error:
                if not warned:
                    log.warning("the camera waits", reason=str(error))
                warned = True
                self._stopping.wait(_FULL_WAIT)
                continue
            self._accepted()
            return
