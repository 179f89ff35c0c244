"""The topics of the protocol, and the names that may stand in them.

    blindsight/v1/<device>/frames/<job>                  device → bridge
    blindsight/v1/<device>/keys/<fingerprint>/<offset>   device → bridge
    blindsight/v1/<device>/status                        device, retained
    blindsight/v1/<device>/labels/<job>                  worker → key holder: the device, or its site's console
    blindsight/v1/<device>/receipts/<job>                console → device
    blindsight/v1/<device>/errors/<job>                  bridge, worker → device, console
    blindsight/v1/<device>/keys-ack/<fingerprint>        bridge → device

The device id is one whole level and equals the device's MQTT user name, so the broker's ACL
patterns can bind it. A site's console uploads its keys as if it were a device named "console".
"""

import re
from typing import NamedTuple

from common.errors import ConfigurationError, WireError
from common.quoting import shown

#: The beginning of every topic.
ROOT = "blindsight/v1"
#: The MQTT user names of the services, which no device may have.
RESERVED_USERS = BRIDGE_USER, WORKER_USER, CONSOLE_USER = "bridge", "worker", "console"

#: The forms of a device id, a job and a fingerprint.
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_JOB = re.compile(r"[0-9]{8,20}-[0-9a-f]{16}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class FrameTopic(NamedTuple):
    """The topic of a burst."""

    device: str
    job: str


class KeysTopic(NamedTuple):
    """The topic of a key chunk; `offset` is in bytes."""

    device: str
    fingerprint: str
    offset: int


class DeviceTopic(NamedTuple):
    """The device of a topic, and its kind, such as "labels", "errors" or "status"."""

    device: str
    kind: str


def check_device(device: str) -> str:
    """The device id itself; raises `ConfigurationError` when it can't stand in a topic."""
    if not _DEVICE.fullmatch(device) or device in RESERVED_USERS:
        raise ConfigurationError(
            f"device id {device!r} can't be used: letters, digits, - and _, at most 64, starting with a letter "
            f"or digit, and none of {', '.join(RESERVED_USERS)}"
        )
    return device


def frames(device: str, job: str) -> str:
    """Where a device publishes an encrypted burst."""
    return f"{ROOT}/{device}/frames/{job}"


def labels(device: str, job: str) -> str:
    """Where the encrypted scores of a burst are published."""
    return f"{ROOT}/{device}/labels/{job}"


def receipts(device: str, job: str) -> str:
    """Where a site's console says that it has recorded the labels of a burst."""
    return f"{ROOT}/{device}/receipts/{job}"


def errors(device: str, job: str) -> str:
    """Where the reason is published why a burst has no labels."""
    return f"{ROOT}/{device}/errors/{job}"


def keys(device: str, fingerprint: str, offset: int) -> str:
    """Where a device publishes a chunk of its evaluation keys."""
    return f"{ROOT}/{device}/keys/{fingerprint}/{offset}"


def keys_ack(device: str, fingerprint: str) -> str:
    """Where the bridge says how far the upload of a key set has come."""
    return f"{ROOT}/{device}/keys-ack/{fingerprint}"


def status(device: str) -> str:
    """Where a device's retained status stands."""
    return f"{ROOT}/{device}/status"


def parse(topic: str) -> FrameTopic | KeysTopic:
    """The parts of a burst's or key chunk's topic. Raises `WireError` for any other."""
    root, _, rest = topic.partition(f"{ROOT}/")
    parts = rest.split("/")
    if root == "" and _DEVICE.fullmatch(parts[0]):
        if len(parts) == 3 and parts[1] == "frames" and _JOB.fullmatch(parts[2]):
            return FrameTopic(parts[0], parts[2])
        if len(parts) == 4 and parts[1] == "keys" and _FINGERPRINT.fullmatch(parts[2]) and _is_offset(parts[3]):
            return KeysTopic(parts[0], parts[2], int(parts[3]))
    raise WireError(f"topic {shown(topic)!r} isn't one that a device publishes frames or keys on")


def parse_any(topic: str) -> DeviceTopic:
    """The device and kind of any topic of the protocol. Raises `WireError` for another."""
    root, _, rest = topic.partition(f"{ROOT}/")
    device, _, rest = rest.partition("/")
    if root == "" and _DEVICE.fullmatch(device) and rest:
        return DeviceTopic(device, rest.partition("/")[0])
    raise WireError(f"topic {shown(topic)!r} isn't one of the protocol")


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
