"""How bridges share what devices send, and nobody else does.

A broker gives each message of a shared subscription to one of its group, whoever that is: the topic's access rules
are asked only afterwards, and what they deny is lost. So a group's name is a secret of the bridges of a site, made
from the MQTT password that they share.
"""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from common.wire import topics

#: Of the HMAC in hexadecimal; 128 bits aren't guessed.
_CHARACTERS = 32


def subscriptions(password: str | None) -> tuple[str, str]:
    """The shared subscriptions of all bridges that have this password, for frames and for keys.

    A group name for each filter: rumqttd keeps one filter per group. Without a password anybody could be a bridge.
    """
    return (
        f"$share/{_group('frames', password)}/{topics.ROOT}/+/frames/+",
        f"$share/{_group('keys', password)}/{topics.ROOT}/+/keys/+/+",
    )


def _group(name: str, password: str | None) -> str:
    if password is None:
        return name
    hmac = HMAC(password.encode(), SHA256())
    hmac.update(f"blindsight group of bridges: {name}".encode())
    return f"{name}-{hmac.finalize().hex()[:_CHARACTERS]}"
