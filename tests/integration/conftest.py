"""Real servers, started by the tests themselves on free loopback ports."""

from collections.abc import Iterator

import pytest

from blindsight.demo.servers import Servers, find_mqtt, start_servers

DEVICES = [f"cam-{letter}" for letter in "abcdefgh"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of Mosquitto's own behaviour are skipped by name where only the wheel's broker is there."""
    if find_mqtt().name == "mosquitto":
        return
    for item in items:
        if item.get_closest_marker("mosquitto"):
            item.add_marker(pytest.mark.skip(reason="needs Mosquitto itself, and only the iotcore wheel is here"))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Mosquitto and Redis with the shipped configuration, for the devices of `DEVICES`."""
    running = start_servers(tmp_path_factory.mktemp("servers"), DEVICES)
    yield running
    running.stop()
