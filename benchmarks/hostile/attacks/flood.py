"""Fifty frames a second that the fleet would evaluate, whatever the bridge answers."""

from benchmarks.hostile.attacks.attacker import Attacker, make_material, parse_options

_PER_SECOND = 50.0


def main() -> None:
    """Upload keys as any device, then flood."""
    options, material = parse_options(__doc__), make_material()
    with Attacker(options) as attacker:
        attacker.upload_bytes(material.fingerprint, material.evaluation_keys)
        attacker.begin()
        for number in attacker.pace(_PER_SECOND):
            attacker.send_frame(number, material.fingerprint, material.head.hash, material.ciphertext)


if __name__ == "__main__":
    main()
