"""One fleet for all tests of the custody of a site, and a console of its own for each."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.demo.servers import start_servers
from common.keys.key_set import KeySet, create_key_set, write_public
from tests.integration.conftest import DEVICES
from tests.integration.custody.site import PLAIN, Site, end
from tests.integration.fleet import Fleet, make_fleet
from tests.plans import digits


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    servers = start_servers(tmp_path_factory.mktemp("servers"), DEVICES)
    rule = f"\nuser cam-h\ntopic read {PLAIN}\n"
    with (servers.site.mosquitto / "acl.conf").open("a") as file:
        file.write(rule)
    servers.kill("mqtt", signal.SIGTERM)
    servers.start("mqtt")
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"), digits(4))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()
    servers.stop()


@pytest.fixture(scope="package")
def keys(fleet: Fleet) -> tuple[KeySet, Path]:
    key_set = create_key_set(fleet.plan.head, fleet.folder / "site" / "keys")
    write_public(key_set.folder, fleet.folder / "site" / "public")
    return key_set, fleet.folder / "site" / "public"


@pytest.fixture
def site(fleet: Fleet, keys: tuple[KeySet, Path], tmp_path: Path) -> Iterator[Site]:
    yield Site(fleet, *keys, tmp_path / "console")
    for service in [each for each in fleet.services.started if each.name not in ("bridge", "worker")]:
        end(fleet, service, signal.SIGTERM)
