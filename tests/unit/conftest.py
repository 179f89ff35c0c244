"""A Redis of the unit tests' own, without a site around it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from blindsight.demo.servers import find_redis


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("redis")
    address = folder / "s"
    options = ["--port", "0", "--unixsocket", str(address), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([find_redis().path, *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 15
    while not address.exists():
        assert process.poll() is None and time.monotonic() < deadline, "Redis didn't start"
        time.sleep(0.02)
    yield address
    process.kill()
    process.wait()


@pytest.fixture
def store(_server: Path) -> Iterator["redis.Redis"]:
    """A client of an empty Redis."""
    client = redis.Redis(unix_socket_path=str(_server))
    client.flushall()
    yield client
    client.close()
