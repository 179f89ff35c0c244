"""`--web` of console, device and status, on one real site: each shows what its holder may know, and no more."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers, free_ports
from common.keys.key_set import create_key_set, write_public
from edge.outbox.outbox import Outbox
from tests.integration.blindsight.web.visitor import Visitor
from tests.integration.fleet import Fleet, make_fleet, problems, wait_for, write_pictures
from web.access.accounts import Accounts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker()
    create_key_set(fleet.plan.head, fleet.folder / "site" / "keys")
    write_public(fleet.folder / "site" / "keys", fleet.folder / "site" / "public")
    write_pictures(fleet.folder / "camera", range(3))
    yield fleet
    fleet.services.stop()


def visit(service: Service) -> "closing[Visitor]":
    return closing(Visitor(service.log, lambda: service.running))


def end(service: Service) -> int:
    service.process.send_signal(signal.SIGTERM)
    return service.process.wait(60)


def test_a_console_shows_the_labels_of_its_site(fleet: Fleet) -> None:
    state, (health,) = fleet.folder / "console", free_ports(1)
    console = fleet.start_console(fleet.folder / "site" / "keys", state, "--web", "--metrics-port", str(health))
    device = fleet.start_device(
        "cam-a", fleet.folder / "camera", "--custody", "site", "--keys", str(fleet.folder / "site" / "public")
    )
    with visit(console) as visitor:
        wait_for("three labels", lambda: len(visitor.get("labels")["items"]) == 3, seconds=120)
        (card,) = visitor.get("devices")["items"]
        assert (card["device"], card["online"], card["custody"]) == ("cam-a", True, "site")
        fleet_view = visitor.get("fleet")
        assert [stage["stage"] for stage in fleet_view["stages"]] == [
            "queue",
            "keys",
            "evaluate",
            "downlink",
            "decrypt",
        ]
        assert len(fleet_view["workers"]) == 1 and fleet_view["queues"] is None
        story = {party["party"]: party for party in visitor.get("devices/cam-a/story")["parties"]}
        assert (story["device"]["holds"], story["console"]["holds"]) == ("nothing", "label")
        assert problems(health) == []
        assert visitor.client.get("/").status_code == 200
    assert end(device) == end(console) == 0
    # A console that begins anew has what it recorded while nobody could look.
    (state / "history.sqlite").unlink()
    Accounts(state / "web").remove("keeper")
    console.log.write_text("")
    again = fleet.start_console(fleet.folder / "site" / "keys", state, "--web")
    with visit(again) as visitor:
        wait_for("three labels", lambda: len(visitor.get("labels")["items"]) == 3)
    assert end(again) == 0


def test_a_device_shows_its_own_labels_and_lets_dead_letters_be_retried(fleet: Fleet) -> None:
    state = fleet.folder / "cam-b"
    device = fleet.start_device("cam-b", fleet.folder / "camera", "--web")
    with visit(device) as visitor:
        wait_for("three labels", lambda: len(visitor.get("labels")["items"]) == 3, seconds=120)
        story = {party["party"]: party for party in visitor.get("devices/cam-b/story")["parties"]}
        assert (story["device"]["holds"], story["broker"]["holds"]) == ("picture", "ciphertext")
        assert story["broker"]["picture"] is not None
        assert story["console"]["holds"] == "nothing"
        job = parked(state)
        wait_for("a dead letter", lambda: visitor.get("dead-letters", device="cam-b")["items"])
        assert visitor.post("devices/cam-b/dead-letters/drop", {"jobs": [job]})
        assert visitor.get("dead-letters", device="cam-b")["items"] == []
    assert end(device) == 0


def parked(state: Path) -> str:
    """A burst in a device's outbox that was given up; its job. The device never sends it."""
    from tests.unit.edge.entries import entry

    outbox = Outbox(state / "outbox.sqlite", 10**9)
    made = entry(outbox.next_counter())
    outbox.add(made)
    assert outbox.park(made.job, "failed", "why", 2000.0)
    outbox.close()
    return made.job


def test_an_operator_sees_the_fleet_and_no_label(fleet: Fleet, tmp_path: Path) -> None:
    device = fleet.start_device("cam-c", fleet.folder / "camera")
    arguments = ["status", "--web", "--web-state", str(tmp_path)]
    status = fleet.services.start("status", arguments, fleet.environment("bridge"))
    with visit(status) as visitor:
        wait_for("the device", lambda: "cam-c" in {card["device"] for card in visitor.get("devices")["items"]})
        wait_for("its answers", lambda: visitor.get("devices/cam-c")["answered"] == 3, seconds=120)
        view = visitor.get("fleet")
        assert [list(worker["plans"].values()) for worker in view["workers"]] == [["digits"]]
        assert (view["waiting_bursts"], view["problems"]) == (0, [])
        assert view["key_sets"] >= 1
        assert visitor.get("labels")["items"] == []
        assert visitor.get("devices/cam-c")["last"] is None
    assert end(status) == end(device) == 0


def test_a_port_in_use_is_said_and_nothing_is_started(fleet: Fleet, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        console = fleet.start_console(
            fleet.folder / "site" / "keys", tmp_path / "state", "--web", "--web-port", str(port)
        )
        assert console.process.wait(60) == 1
    assert f"port {port}" in console.tail() and "--web-port" in console.tail()
    fleet.services.started.remove(console)


def test_what_isn_t_told_to_serve_serves_nothing(fleet: Fleet, tmp_path: Path) -> None:
    (health,) = free_ports(1)
    console = fleet.start_console(fleet.folder / "site" / "keys", tmp_path / "state", "--metrics-port", str(health))
    wait_for("the console", lambda: problems(health) == [])
    assert not (tmp_path / "state" / "web").exists()
    assert not (tmp_path / "state" / "history.sqlite").exists()
    with urllib.request.urlopen(f"http://127.0.0.1:{health}/health") as answer:
        assert json.load(answer)["healthy"]
    assert end(console) == 0
