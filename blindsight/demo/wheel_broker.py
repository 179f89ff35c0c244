"""The broker of the `iotcore` wheel, where Mosquitto can't be had: `python -m blindsight.demo.wheel_broker`.

It checks user names and passwords but has no access rules, so it serves the demo and nothing else.
"""

import signal
import sys
from pathlib import Path

from broker.provisioning.site import Site
from common.wire.topics import RESERVED_USERS

#: The configuration of one listener.
_LISTENER = """
[v5.{number}]
name = "v5-{number}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.{number}.connections]
connection_timeout_ms = 60000
max_payload_size = 67108864
max_inflight_count = 100
dynamic_filters = true
auth = {{ {users} }}
"""
#: The configuration of all that listeners share.
_ROUTER = """
id = 0
[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"""


def main() -> None:
    """Serve the users of a site, whose folder is the first argument, on the ports that follow it, until SIGTERM."""
    from iotcore import Broker

    site = Site(Path(sys.argv[1]))
    names = [*RESERVED_USERS, *(path.parent.name for path in site.devices.glob("*/password"))]
    users = ", ".join(f'"{name}" = "{site.password_file(name).read_text()}"' for name in names)
    config = site.mosquitto / "iotcore.toml"
    config.touch(mode=0o600)
    listeners = [_LISTENER.format(number=i, port=port, users=users) for i, port in enumerate(sys.argv[2:], start=1)]
    config.write_text(_ROUTER + "".join(listeners))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Broker(config_path=str(config)):
        signal.pause()


if __name__ == "__main__":
    main()
