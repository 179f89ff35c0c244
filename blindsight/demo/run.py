"""A run of the demo: everything on this machine, on real servers, with sample frames."""

from pathlib import Path

from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import console
from blindsight.demo.custody import Site, make_site, start_console
from blindsight.demo.devices import start_device
from blindsight.demo.pictures import Pictures
from blindsight.demo.processes import Services
from blindsight.demo.progress import watch
from blindsight.demo.report import make_report
from blindsight.demo.servers import Servers, start_servers
from common.keys.key_set import load_header, load_public
from common.plan.plan import Plan
from common.plan.predictions import plan_ms
from common.wire.messages import Custody
from common.wire.topics import BRIDGE_USER, WORKER_USER
from models.catalogue import load_network
from models.samples import load_samples
from models.sealing import head_path, seal_plan

#: The name of the plan's file, which workers get.
_PLAN = "model.plan"
#: Seconds after which a frame without a label is sent again, at least.
_RETRY_SECONDS = 20.0


def run_demo(
    folder: Path,
    devices: int,
    frames: int,
    workers: int,
    plan: Plan,
    model: str,
    rate: float | None,
    custody: Custody,
    interrupts: Interrupts,
) -> dict[str, object]:
    """Run a site in an empty folder until every device has sent `frames` frames, and stop it; returns the report.

    `rate` is in frames a second per device. Raises `BlindsightError` when a part fails or hangs, and `SystemExit`
    once `interrupts` has seen a signal.
    """
    names = [f"cam-{number:02d}" for number in range(1, devices + 1)]
    options = ["--retry-after", str(_retry_after(plan, devices, frames, workers))]
    options += [] if rate is None else ["--rate", str(rate)]
    site = make_site(folder, plan.head) if custody == "site" else None
    options += [] if site is None else site.device_arguments
    plan_file = folder / _PLAN
    plan = _write_plan(plan, plan_file, site)
    pictures = Pictures(load_samples(model), frames)
    services = Services(folder)
    with console.status("starting Mosquitto and Redis"):
        servers = start_servers(folder / "servers", names)
    try:
        console.print(f"{servers.mqtt} on port {servers.mqtt_port}, {servers.redis}; plan {plan.head.hash[:12]}")
        interrupts.check()
        _start_fleet(services, servers, plan_file, workers)
        if site is not None:
            console.print("the site's secret key isn't encrypted; the demo deletes it at its end")
            start_console(services, servers, site, head_path(plan_file))
        cameras = []
        for number, name in enumerate(names):
            camera = folder / name / "camera"
            pictures.write(number, camera)
            cameras.append(start_device(services, servers, folder / name, camera, head_path(plan_file), options))
        results = watch(services, cameras, frames, interrupts)
        if site is not None:
            results = site.labelled(results)
        keys = load_header(cameras[0].state / "keys" if site is None else site.keys)
        parts = {"mqtt": servers.mqtt.facts(), "redis_server": servers.redis.facts()}
        expected = pictures.expected(load_network(model), devices)
        return make_report(plan, results, expected, devices * frames, keys, parts, custody)
    finally:
        with console.status("stopping"):
            services.stop()
            servers.stop()


def _retry_after(plan: Plan, devices: int, frames: int, workers: int) -> float:
    """Seconds without a label before a frame is sent again: not while it only waits for the others' evaluations."""
    bursts = devices * -(-frames // plan.head.frames_per_ciphertext)
    return max(_RETRY_SECONDS, 2 * bursts * plan_ms(plan) / 1000 / workers)


def _write_plan(plan: Plan, file: Path, site: Site | None) -> Plan:
    """Write a plan's file for workers and its head; with encrypted weights if it was compiled for that."""
    if site is not None and plan.head.for_sealing:
        with console.status("encrypting the model's weights"):
            return Plan(seal_plan(plan, load_public(site.public), file, lambda _: None), plan.stages)
    plan.save(file)
    plan.save_head(head_path(file))
    return plan


def _start_fleet(services: Services, servers: Servers, plan_file: Path, workers: int) -> None:
    common = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_service_port),
        "BLINDSIGHT_REDIS_URL": servers.redis_url,
        "BLINDSIGHT_REDIS_PASSWORD_FILE": str(servers.redis_password_file),
    }
    for user, arguments in (
        (BRIDGE_USER, ["bridge"]),
        (WORKER_USER, ["worker", "--plans", str(plan_file), "--concurrency", str(workers)]),
    ):
        credentials = {
            "BLINDSIGHT_MQTT_USERNAME": user,
            "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(user)),
        }
        services.start(user, arguments, {**common, **credentials})
