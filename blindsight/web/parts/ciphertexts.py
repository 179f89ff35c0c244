"""The last ciphertexts of each device, in memory, for the page that shows what the others see."""

import hashlib
import io
import threading
from collections import OrderedDict

from PIL import Image

from blindsight.demo.showing.noise import noise_picture

#: Bytes of ciphertexts that are kept, all devices together. One has up to some megabytes.
_MOST_BYTES = 64_000_000
#: Pixels of a ciphertext's picture, width and height.
_NOISE = (100, 75)


class Ciphertexts:
    """The last ciphertext of each device, by its job, as long as all fit; those that came first make room."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._turn = threading.Lock()

    def keep(self, device: str, job: str, ciphertext: bytes) -> None:
        """Keep a device's ciphertext in place of its last one."""
        with self._turn:
            self._drop(device)
            if len(ciphertext) > self._most:
                return
            self._kept[device] = job, ciphertext
            self._bytes += len(ciphertext)
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))

    def get(self, device: str, job: str) -> bytes | None:
        """The ciphertext of a device's job, where it is kept."""
        with self._turn:
            kept = self._kept.get(device)
        return kept[1] if kept is not None and kept[0] == job else None

    def _drop(self, device: str) -> None:
        _, ciphertext = self._kept.pop(device, ("", b""))
        self._bytes -= len(ciphertext)


def noise_png(ciphertext: bytes) -> bytes:
    """A ciphertext's last bytes as a grey PNG."""
    file = io.BytesIO()
    Image.fromarray(noise_picture(ciphertext, _NOISE)[..., 0]).save(file, "PNG")
    return file.getvalue()


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
