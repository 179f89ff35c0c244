"""The custody of a site, in a demo: the site's key set, its console, and the labels that the console recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blindsight.demo.processes import Services
from blindsight.demo.servers import Servers
from common.keys.key_set import create_key_set, write_public
from common.plan.plan import PlanHead
from common.wire.topics import CONSOLE_USER
from console.record.record import FILE as RECORD
from console.record.record import Record
from edge.labels.results import Result


@dataclass(frozen=True)
class Site:
    """The folders of a site: the console's own, and the public part of the key set, which every device gets."""

    console: Path
    public: Path

    @property
    def keys(self) -> Path:
        """The whole key set."""
        return self.console / "keys"

    @property
    def record(self) -> Path:
        """The console's record of labels."""
        return self.console / RECORD

    @property
    def device_arguments(self) -> list[str]:
        """The options that put a device under the custody of the site."""
        return ["--custody", "site", "--keys", str(self.public)]

    def labelled(self, results: Iterable[Result]) -> list[Result]:
        """The console's labels, each in the result that its device has of the same frame."""
        by_frame = {(result.device, result.job, result.counter): result for result in results}
        record = Record(self.record)
        try:
            labels = record.labels()
        finally:
            record.close()
        return [
            msgspec.structs.replace(by_frame[key], label=each.label)
            for each in labels
            if (key := (each.device, each.job, each.counter)) in by_frame
        ]


def make_site(folder: Path, head: PlanHead) -> Site:
    """Make a site's key set, and its public part for devices and the model's owner."""
    site = Site(folder / CONSOLE_USER, folder / "public")
    create_key_set(head, site.keys)
    write_public(site.keys, site.public)
    return site


def start_console(services: Services, servers: Servers, site: Site, head_file: Path, options: Sequence[str]) -> None:
    """Start the console, which alone has the secret key; `options` are further flags."""
    arguments = ["console", "--keys", str(site.keys), "--plans", str(head_file), "--state", str(site.console)]
    arguments += options
    environment = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_port),
        "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(CONSOLE_USER)),
    }
    services.start(CONSOLE_USER, arguments, environment)
