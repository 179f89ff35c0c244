"""The site of a demo, served while the demo runs."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from blindsight.command_line.output import console
from blindsight.demo.servers import Servers
from blindsight.web.demo.feed import DemoFeed
from blindsight.web.parts.live import Live
from blindsight.web.parts.models import read_model
from blindsight.web.serving.site import ServedSite
from blindsight.web.settings.web import WebSettings
from blindsight.web.sites.demo_site import DemoSite, Tap
from blindsight.web.sites.fleet_site import FleetWatch
from common.history import history_file
from common.history.history import History
from common.service.settings import RedisSettings
from common.wire.messages import Custody
from common.wire.topics import BRIDGE_USER
from edge.outbox.outbox import FILE as OUTBOX


@dataclass(frozen=True)
class DemoParts:
    """What runs: its folder, its servers, what the broker sees, the plan's file, and the folder of each camera.

    `record` is the record of its console; None where each device holds its own keys. `options` are the demo's, by name.
    """

    folder: Path
    servers: Servers
    tap: Tap
    plan: Path
    cameras: Mapping[str, Path]
    custody: Custody
    record: Path | None
    options: Mapping[str, str]


@contextmanager
def serve_demo(parts: DemoParts, port: int) -> Iterator[None]:
    """Serve it, and say where. Raises `BlindsightError` naming what can't be used."""
    live, folder, names = Live(), parts.folder, list(parts.cameras)
    watch = FleetWatch(_as_bridge(parts.servers))
    with ExitStack() as stack:
        history = stack.enter_context(closing(History(folder / history_file.FILE)))
        stack.enter_context(watch.running())
        stack.enter_context(DemoFeed(folder, names, parts.record, history, live))
        outboxes = {name: folder / name / OUTBOX for name in names}
        site = DemoSite(
            parts.cameras,
            outboxes,
            parts.custody,
            parts.options,
            read_model(parts.plan),
            live,
            watch,
            history,
            parts.tap,
        )
        stack.enter_context(closing(site))
        served = stack.enter_context(ServedSite(site, WebSettings(web_port=port), folder))
        console.print(f"open this in a browser: {served.address}", markup=False, soft_wrap=True)
        yield


def _as_bridge(servers: Servers) -> RedisSettings:
    return RedisSettings(
        mqtt_port=servers.mqtt_service_port,
        mqtt_username=BRIDGE_USER,
        mqtt_password_file=servers.password_file(BRIDGE_USER),
        redis_url=servers.redis_url,
        redis_password_file=servers.redis_password_file,
    )
