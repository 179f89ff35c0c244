"""A sealed model on real servers: no plain weight is where workers are, and no other key set is served."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers
from common.ckks.fhe import Context
from common.keys.evaluation_keys import keys_size
from common.keys.key_set import KeySet, create_key_set, write_public
from common.plan.plan import Plan
from console.record.record import Record
from models.catalogue import load_network, model_folder
from models.sealing import seal_plan
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures
from tests.integration.recorder import Recorder
from tests.plans import digits

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

Patterns = NDArray[np.uint64]


@dataclass
class SealedSite:
    """A fleet whose plan file is sealed for a site's key set."""

    fleet: Fleet
    key_set: KeySet
    public: Path

    @property
    def device(self) -> tuple[str, ...]:
        return ("--custody", "site", "--keys", str(self.public), "--exit-when-done")


@pytest.fixture
def site(servers: Servers, tmp_path: Path) -> Iterator[SealedSite]:
    plan = digits(sealed=True)
    key_set = create_key_set(plan.head, tmp_path / "console" / "keys")
    public = write_public(key_set.folder, tmp_path / "public")
    fleet = make_fleet(servers, tmp_path, plan)
    fleet.plan_file.unlink()  # what the model's owner keeps
    head = seal_plan(plan, public, fleet.plan_file, lambda _: None)
    Plan(head, ()).save_head(fleet.head_file)
    yield SealedSite(fleet, key_set, tmp_path / "public")
    fleet.services.stop()


def test_no_plain_weight_is_in_files_traffic_or_memory_of_workers(site: SealedSite, tmp_path: Path) -> None:
    plan, fleet = digits(sealed=True), site.fleet
    patterns = weights_of(plan)
    with Recorder(fleet.servers.mqtt_service_port) as mqtt, Recorder(redis_port(fleet)) as redis:
        fleet.start_bridge()
        worker = start_worker(fleet, fleet.plan_file, mqtt.port, redis.port)
        fleet.start_console(site.key_set.folder, tmp_path / "console")
        truth = write_pictures(tmp_path / "camera", range(3))
        device = fleet.start_device("cam-a", tmp_path / "camera", *site.device)
        assert device.process.wait(90) == 0, device.tail()
        record = Record(tmp_path / "console" / "labels.sqlite")
        labels = sorted(record.labels(), key=lambda label: label.counter)
        assert [label.label for label in labels] == truth
        record.close()

        streams = [bytes(stream) for stream in (*mqtt.streams, *redis.streams)]
        assert sum(map(len, streams)) > keys_size(plan.head, seeded=True)  # the evaluation keys at least
        files = [
            path.read_bytes() for path in (fleet.plan_file, *fleet.servers.site.folder.rglob("*")) if path.is_file()
        ]
        assert not found(patterns, (*streams, *files), step=1)
        assert not found(patterns, memory_of(worker), step=4)


def test_the_search_finds_plain_weights_where_they_are(site: SealedSite, tmp_path: Path) -> None:
    plan, fleet = digits(sealed=True), site.fleet
    head = msgspec.structs.replace(plan.head, for_sealing=False)  # else the worker would refuse it
    Plan(head, plan.stages).save(tmp_path / "plain.plan")
    worker = start_worker(fleet, tmp_path / "plain.plan", fleet.servers.mqtt_service_port, redis_port(fleet))
    patterns = weights_of(plan)
    wait_for("plain weights to be found in its memory", lambda: found(patterns, memory_of(worker), step=4))
    assert found(patterns, [(model_folder("digits") / "network.npz").read_bytes()], step=1)


def test_a_sealed_plan_is_served_to_no_other_key_set(site: SealedSite, tmp_path: Path) -> None:
    fleet = site.fleet
    create_key_set(digits(sealed=True).head, tmp_path / "other")
    write_pictures(tmp_path / "camera", range(1))
    device = fleet.start_device("cam-b", tmp_path / "camera", "--keys", str(tmp_path / "other"))
    assert device.process.wait(60) == 1
    assert re.search(r"is sealed for key set [0-9a-f]{12}, not for [0-9a-f]{12}", device.tail())
    fleet.services.started.remove(device)


def weights_of(plan: Plan) -> Patterns:
    """Bytes that give weights away, 8 each: the network's, those of the plan's vectors and biases, their plaintexts'.

    Neighbours in single precision, numbers in double precision, and plaintexts' first residues.
    """
    network = load_network(plan.head.model)
    fields = [value for layer in network.layers for value in msgspec.structs.asdict(layer).values()]
    arrays = [value for value in fields if isinstance(value, np.ndarray) and value.size > 1]
    arrays += [row for stage in plan.stages for row in (*stage.vectors, *stage.bias)]
    found: set[int] = set()
    for array in arrays:
        flat = array.reshape(-1)
        flat = flat[flat * 1024 % 1 != 0][:200]  # round numbers occur anywhere
        found.update(np.frombuffer(flat.astype(np.float64).tobytes(), np.uint64).tolist())
        single = flat.astype(np.float32)
        found.update(np.frombuffer(single[: len(single) // 2 * 2].tobytes(), np.uint64).tolist())
    context = Context(plan.head.parameters)
    for stage in plan.stages:
        (value,) = stage.weight_scales
        for row in range(min(len(stage.vectors), 8)):
            plaintext = context.encode(stage.slots_of_vector(row, 1), stage.weight_scales[value], stage.level)
            assert plaintext is not None
            found.update(np.frombuffer(plaintext._pyfhel.to_bytes("none")[-256:], np.uint64).tolist())
    return np.array(sorted(found), np.uint64)


def found(patterns: Patterns, data: Iterable[bytes], step: int) -> set[int]:
    """Patterns that occur in any of these bytes next to another one, at offsets that are multiples of `step`.

    Alone a weight in double precision, half of whose bits are zero, is found by chance.
    """
    hits: set[int] = set()
    for one in data:
        for offset in range(0, min(8, len(one)), step):
            words = np.frombuffer(one, np.uint64, count=(len(one) - offset) // 8, offset=offset)
            place = np.searchsorted(patterns, words).clip(max=len(patterns) - 1)
            matches = patterns[place] == words
            hits.update(words[:-1][matches[:-1] & matches[1:]].tolist())
    return hits


def memory_of(worker: Service) -> Iterator[bytes]:
    """All that can be written in the memory of a worker's processes."""
    parent = worker.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in (parent, *map(int, children)):
        with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for line in maps:
                span, mode, *_ = line.split()
                start, end = (int(number, 16) for number in span.split("-"))
                if mode.startswith("rw"):
                    memory.seek(start)
                    try:
                        yield memory.read(end - start)
                    except OSError:  # given back meanwhile
                        continue


def start_worker(fleet: Fleet, plan: Path, mqtt_port: int, redis_port: int) -> Service:
    """A worker whose connections lead through these ports."""
    url = urlsplit(fleet.servers.redis_url)
    environment = {
        **fleet.environment("worker"),
        "BLINDSIGHT_MQTT_PORT": str(mqtt_port),
        "BLINDSIGHT_REDIS_URL": url._replace(netloc=f"127.0.0.1:{redis_port}").geturl(),
    }
    return fleet.services.start("worker", ["worker", "--plans", str(plan)], environment)


def redis_port(fleet: Fleet) -> int:
    port = urlsplit(fleet.servers.redis_url).port
    assert port is not None
    return port
