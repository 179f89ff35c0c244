"""`blindsight status`: a site's devices, workers and queues in the terminal."""

import sys
import threading
import time

import msgspec
import typer
from rich.console import Console
from rich.live import Live

from blindsight.command_line.app import App
from blindsight.command_line.logs import configure_logs
from blindsight.command_line.options import command
from blindsight.command_line.output import print_json
from blindsight.command_line.service import configure_service, stop_with
from blindsight.commands.status.view import render
from blindsight.measure.site_status import Snapshot, watch_site
from blindsight.pages.installed import SITE, check_installed
from blindsight.web.settings.status import StatusWebSettings
from common.terminal.browsing import Browser, Device
from common.terminal.keyboard import Keyboard

#: Seconds between two snapshots of the site.
_SNAPSHOT_SECONDS = 1.0
#: Seconds for which the terminal's keys are waited for at a time.
_KEY_SECONDS = 0.1


def run_status(settings: StatusWebSettings) -> None:
    """Show a site's devices, workers and queues, live; with the bridge's credentials for MQTT and Redis."""
    if settings.web:
        _serve(settings)
        return
    stopping = threading.Event()
    stop_with(stopping.set)
    terminal = Console()
    browser = Browser(settings.filter, settings.device_state, settings.sort)
    once = settings.as_json or not terminal.is_terminal
    if once:
        configure_logs("error", settings.log_json)
        with watch_site(settings) as site:
            site.wait_for_all(stopping)
            snapshot = site.snapshot()
        if settings.as_json:
            print_json(msgspec.to_builtins(_filtered(snapshot, browser)))
        else:
            terminal.print(render(snapshot, None, browser, terminal.width))
        raise typer.Exit(1 if snapshot.problems else 0)
    with Live(console=terminal, auto_refresh=False) as live, Keyboard() as keyboard:
        configure_logs(settings.log_level, settings.log_json)  # now, so that its lines go above the table
        with watch_site(settings) as site:
            site.wait_for_all(stopping)
            before: Snapshot | None = None
            now, due = site.snapshot(), time.monotonic() + _SNAPSHOT_SECONDS
            while not stopping.is_set():
                live.update(render(now, before, browser, terminal.width, terminal.height), refresh=True)
                keys: list[str] = []
                while not (keys or stopping.is_set() or time.monotonic() >= due):
                    keys = keyboard.read(_KEY_SECONDS)
                for key in keys:
                    browser.press(key)
                if time.monotonic() >= due:
                    before, now, due = now, site.snapshot(), time.monotonic() + _SNAPSHOT_SECONDS
    sys.stdout.flush()


def _serve(settings: StatusWebSettings) -> None:
    """Serve the same in a browser, until a signal."""
    check_installed("--web", SITE)
    from blindsight.web.serving.fleet import fleet_web

    configure_service(settings)
    stopping = threading.Event()
    stop_with(stopping.set)
    with fleet_web(settings):
        stopping.wait()


def _filtered(snapshot: Snapshot, browser: Browser) -> Snapshot:
    devices = [Device(name, status, status.alarms) for name, status in snapshot.devices.items()]
    selection = {device.name: snapshot.devices[device.name] for device in browser.select(devices)}
    return msgspec.structs.replace(snapshot, devices=selection)


app = App(name="status")
app.command("status")(command(StatusWebSettings, run_status))
