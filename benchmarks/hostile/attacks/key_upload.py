"""490 MB of zeros as evaluation keys; when they are refused, again under another name."""

import hashlib
import secrets

from benchmarks.hostile.attacks.attacker import Attacker, parse_options

_TOTAL = 490_000_000
#: Uploads begun in a second, at most.
_PER_SECOND = 50.0


def _sha256() -> str:
    """That of all the zeros, so that the whole upload has to be read to refuse it."""
    digest, block = hashlib.sha256(), bytes(1_000_000)
    for _ in range(_TOTAL // len(block)):
        digest.update(block)
    return digest.hexdigest()


def main() -> None:
    """Upload until time is over."""
    options, sha256 = parse_options(__doc__), _sha256()
    with Attacker(options) as attacker:
        attacker.begin()
        for _ in attacker.pace(_PER_SECOND):
            attacker.upload(secrets.token_hex(32), _TOTAL, sha256, lambda start, end: bytes(end - start))


if __name__ == "__main__":
    main()
