"""A device in a program of one's own: pictures of digits in, labels out.

    python examples/own_device.py NAME BROKER STATE PICTURE...

NAME is a device that `blindsight provision` made, BROKER mqtt://NAME:PASSWORD@HOST:PORT, STATE a folder for the keys
and for what is still unanswered: a second run with the same one goes on where the first one ended.
"""

import logging
import sys

import blindsight as bs


def show(result: bs.Result) -> None:
    """Called once a label is there, in the device's thread."""
    print(f"{result.source}: {result.label}", flush=True)


def main(name: str, broker: str, state: str, *pictures: str) -> None:
    """Submit each picture, and wait up to five minutes for the labels."""
    logging.basicConfig(level=logging.WARNING)
    with bs.Device(name, plan="digits", broker=broker, state=state, on_label=show, resize=True) as device:
        for picture in pictures:
            device.submit(picture)  # from here on it isn't lost
        if not device.wait(300):
            print(f"{device.counts.pending} frames are still unanswered: {device.health}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
