"""300 retained messages of 1 MB on every topic that a device may write to."""

import secrets

from benchmarks.hostile.attacks.attacker import Attacker, parse_options
from common.wire import topics

_MESSAGES, _BYTES = 300, 1_000_000
_PER_SECOND = 10.0


def main() -> None:
    """Retain them over the measuring time, then stay."""
    options = parse_options(__doc__)
    noise, fingerprint, user = secrets.token_bytes(_BYTES), secrets.token_hex(32), options.user
    with Attacker(options) as attacker:
        attacker.begin()
        for number in attacker.pace(_PER_SECOND):
            own = (
                topics.errors(user, f"{number:08d}-{fingerprint[:16]}"),
                topics.frames(user, f"{number:08d}-{fingerprint[:16]}"),
                topics.keys(user, fingerprint, number),
                topics.status(user),
            )
            if number < _MESSAGES:
                attacker.publish(own[number % len(own)], noise, retain=True)


if __name__ == "__main__":
    main()
