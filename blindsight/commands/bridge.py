"""`blindsight bridge`: the bridge between the MQTT broker and the workers' queue."""

import os
import socket

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service, stop_with
from broker.settings import BridgeSettings


def run_bridge(settings: BridgeSettings) -> None:
    """Hand encrypted frames from MQTT to the Celery queue, and evaluation keys to Redis."""
    from broker.bridge import Bridge  # with Celery

    configure_service(settings)
    bridge = Bridge(settings, f"bridge-{socket.gethostname()}-{os.getpid()}")
    stop_with(bridge.stop)
    bridge.run()


app = App(name="bridge")
app.command("bridge")(command(BridgeSettings, run_bridge))
