"""The uploads of a device's evaluation keys: of its key set, and of earlier ones when the fleet asks for them."""

from collections.abc import Sequence

from common.keys.key_set import KeySet
from common.keys.upload import KeyUpload, Publish
from common.wire.messages import KeyAck


class Uploads:
    """One upload for each key set of a device; the first key set is the one that it encrypts with.

    The fleet most likely has the keys of the others, which are earlier ones: they are uploaded once it says that
    it hasn't. Under the custody of a site there are no uploads: its console has the keys.
    """

    def __init__(self, device: str, key_sets: Sequence[KeySet], publish: Publish) -> None:
        self._known = {key_set.fingerprint: KeyUpload(device, key_set, publish) for key_set in key_sets}
        self._begun = list(self._known.values())[:1]

    def begin(self) -> None:
        """Ask the bridge how many bytes it has; to be called whenever that is in doubt."""
        for upload in self._begun:
            upload.begin()

    def tick(self) -> None:
        """Ask again when nothing was heard for a while. Raises `BrokerError` when the bridge refuses the keys."""
        for upload in self._begun:
            upload.tick()

    def acknowledged(self, ack: KeyAck) -> None:
        """Take the bridge's answer about one of the uploads."""
        for upload in self._begun:
            upload.acknowledged(ack)

    def ready(self, fingerprint: str) -> bool:
        """Whether bursts under a key set may be sent: the fleet has its keys, as far as the device knows."""
        upload = self._known.get(fingerprint)
        return upload is None or upload not in self._begun or upload.ready

    def takes_seeds(self, fingerprint: str) -> bool:
        """Whether the fleet has taken a key set with seeds of ours."""
        upload = self._known.get(fingerprint)
        return upload is not None and upload.takes_seeds

    def again(self, fingerprint: str) -> bool:
        """Upload a key set that the fleet hasn't; False when the device hasn't it either."""
        upload = self._known.get(fingerprint)
        if upload is None:
            return False
        if upload not in self._begun:
            self._begun.append(upload)
            upload.begin()
        elif upload.ready:
            upload.begin()
        return True
