"""What the broker sees of a demo's frames: their ciphertexts, as they pass."""

import threading

from blindsight.demo.servers import Servers
from common.errors import WireError
from common.service.settings import ServiceSettings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import Burst
from common.wire.topics import BRIDGE_USER

#: Ciphertexts that are kept of each device, the last ones: one has up to some megabytes.
_KEPT = 3


class WireTap:
    """Listens to devices' frames with the bridge's password, as whoever operates a broker can."""

    def __init__(self, servers: Servers) -> None:
        self._kept: dict[str, dict[str, bytes]] = {}
        self._turn = threading.Lock()
        settings = ServiceSettings(
            mqtt_port=servers.mqtt_service_port,
            mqtt_username=BRIDGE_USER,
            mqtt_password_file=servers.password_file(BRIDGE_USER),
        )
        self._mqtt = MqttConnection(
            settings, "demo-tap", on_message=self._take, observed=(topics.frames("+", "+"),), yields=False
        )
        self._mqtt.connect()

    def ciphertexts(self, device: str) -> dict[str, bytes]:
        """The ciphertexts of a device's last bursts, by job, in the order in which they passed."""
        with self._turn:
            return dict(self._kept.get(device, {}))

    def close(self) -> None:
        """Hang up."""
        self._mqtt.close()

    def _take(self, message: IncomingMessage) -> None:
        """In paho's thread."""
        try:
            burst = messages.decode(message.payload, Burst)
        except WireError:
            return  # the bridge says what is wrong with it
        with self._turn:
            kept = self._kept.setdefault(burst.device, {})
            kept.setdefault(burst.job, burst.ciphertext)  # one that is sent again keeps its place
            if len(kept) > _KEPT:
                del kept[next(iter(kept))]
