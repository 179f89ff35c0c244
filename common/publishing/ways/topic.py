"""The way to a topic of the broker that the key holder is connected to."""

from collections.abc import Sequence

from common.publishing.outgoing import Target
from common.publishing.ways.confirmation import Confirmation, Message
from common.publishing.ways.way import Way
from common.wire.connection import MqttConnection

#: The advice about a topic that the broker refuses.
_ALLOWED = "that is forward_topic; its rules allow blindsight/v1/console/plain/… and what you add in acl.d/"


class TopicWay(Way):
    """Publishes each event on one topic of the console's broker.

    The site has to trust that broker, which can read the labels. It could also put ciphertexts of its own in the
    place of the encrypted labels, and learn about the secret key from their decryptions.
    """

    target: Target = "topic"
    batch = 100
    longest_pause = 15.0  # an attempt without a connection costs nothing

    def __init__(self, topic: str, connection: MqttConnection) -> None:
        self._topic, self._mqtt = topic, connection
        self._confirmation = Confirmation()
        self.published = self._confirmation.published

    def send(self, bodies: Sequence[bytes]) -> None:
        """Publish events, and wait for the broker's acknowledgements. Raises `BrokerError`."""
        self._confirmation.publish(self._mqtt, [Message(self._topic, body) for body in bodies], _ALLOWED)
