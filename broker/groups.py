"""How bridges share what devices send, so that nobody else gets a share.

A broker gives each message of a shared subscription to one member of its group, whoever the member is. Only afterwards
it asks the access rules of the topic, and a message that they deny is lost. So the name of a group is a secret of the
bridges of a site, made from the MQTT password that they share.
"""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from common.wire import topics

#: Hexadecimal digits of the HMAC that are used: nobody guesses 128 bits.
_CHARACTERS = 32


def subscriptions(password: str | None) -> tuple[str, str]:
    """The shared subscriptions of all bridges that have this password, for frames and for keys.

    Each filter has a group name of its own, since rumqttd keeps one filter per group. Without a password the names
    are no secret: anybody could be a bridge anyway.
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
