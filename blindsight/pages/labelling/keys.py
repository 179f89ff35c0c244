"""The key of the keyboard that stands for each label."""

import string
from collections.abc import Sequence

from common.errors import ConfigurationError

#: The keys that may stand for a label: all others move, undo and accept.
_KEYS = string.digits + string.ascii_lowercase


def check_labels(labels: Sequence[str]) -> None:
    """Raise `ConfigurationError` unless there are labels, each is a printable text, and none is there twice."""
    for label in labels:
        if not label or label != label.strip() or not label.isprintable():
            raise ConfigurationError(f"labels has {label!r}; give printable texts without spaces around them")
        if labels.count(label) > 1:
            raise ConfigurationError(f"labels has {label!r} twice; give each once")
    if not labels:
        raise ConfigurationError("labels is empty; give at least one, such as --labels 0,1,2")


def keys_of(labels: Sequence[str]) -> dict[str, str]:
    """A key for each label: its only character, else its first character that is free, else any key that is free.

    `0` to `9`, `between` and `unreadable` get the digits, `b` and `u`. Labels beyond the 36 keys get none.
    """
    keys = {label: label.lower() for label in labels if len(label) == 1 and label.lower() in _KEYS}
    keys = {label: key for label, key in keys.items() if list(keys.values()).count(key) == 1}
    for label in labels:
        free = [key for key in _KEYS if key not in keys.values()]
        if label not in keys and free:
            keys[label] = next((key for key in label.lower() if key in free), free[0])
    return keys
