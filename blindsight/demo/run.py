"""`blindsight demo`: everything on this machine, on real servers, with sample frames."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.plan_table import show_costs
from blindsight.demo.custody import Site, make_site, start_console
from blindsight.demo.processes import Service, Services
from blindsight.demo.report import Expected, closing_table, make_report
from blindsight.demo.servers import Servers, start_servers
from common.errors import BlindsightError, ConfigurationError
from common.keys.core_dumps import forbid_core_dumps
from common.keys.key_set import load_header, load_public
from common.plan.plan import Plan
from common.plan.predictions import plan_ms
from common.wire.messages import Custody
from common.wire.topics import BRIDGE_USER, WORKER_USER
from compiler.labelled import LabelledFrames
from edge.labels.results import Result, read_results
from models.batching import HELP as FRAMES_HELP
from models.batching import parse_frames
from models.catalogue import load_network
from models.layer_choice import HELP as ENCRYPT_FROM_HELP
from models.layer_choice import WHOLE
from models.plans import get_plan
from models.samples import load_samples
from models.sealing import head_path, seal_plan

#: The plan's file, for workers.
_PLAN = "model.plan"
#: Nothing new for so long ends the demo with the logs of what hangs.
_STALL_SECONDS = 120.0
_POLL_SECONDS = 0.2
#: A frame without a label is sent again after this long, or longer.
_RETRY_SECONDS = 20.0
#: Panels of the help.
SITE, FRAMES, MODEL = "Site", "Frames", "Model"


@dataclass(frozen=True)
class _Device:
    name: str
    folder: Path
    service: Service

    def results(self) -> list[Result]:
        return list(read_results(self.folder / "results.jsonl"))


def demo(
    devices: Annotated[int, typer.Option(min=1, max=64, help="Cameras.", rich_help_panel=SITE)] = 2,
    frames: Annotated[int, typer.Option(min=1, help="Frames per camera.", rich_help_panel=FRAMES)] = 20,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Frames evaluated at once.", rich_help_panel=SITE)] = 1,
    security: Annotated[
        int, typer.Option(help="Security level in bits: 128, 192 or 256.", rich_help_panel=MODEL)
    ] = 128,
    model: Annotated[
        str, typer.Option(help="A shipped model, or the folder of one.", rich_help_panel=MODEL)
    ] = "digits",
    frames_per_ciphertext: Annotated[
        str, typer.Option(metavar="K|auto", help=FRAMES_HELP, rich_help_panel=MODEL)
    ] = "1",
    encrypt_from: Annotated[
        str, typer.Option(metavar="LAYER|last", help=ENCRYPT_FROM_HELP, rich_help_panel=MODEL)
    ] = WHOLE,
    custody: Annotated[
        Custody,
        typer.Option(
            help="Who holds the secret key: each device its own, or the site's console.", rich_help_panel=SITE
        ),
    ] = "device",
    sealed: Annotated[
        bool,
        typer.Option(
            "--sealed",
            help="Encrypt the model's weights too, for the site; needs --custody site.",
            rich_help_panel=MODEL,
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Frames a second per camera; default: as fast as it goes.", rich_help_panel=FRAMES),
    ] = None,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Run cameras, broker, bridge and workers on this machine, on encrypted sample frames; and a console for a site.

    Ends with exit code 0 only if every frame was labelled exactly once.
    """
    if sealed and custody != "site":
        raise ConfigurationError(
            "--sealed encrypts the model for one key set, and here every device makes its own; add --custody site"
        )
    check_target(json_target)
    forbid_core_dumps()
    plan = _plan(model, security, frames_per_ciphertext, encrypt_from, sealed)
    with Interrupts() as interrupts, tempfile.TemporaryDirectory(prefix="blindsight-demo-") as folder:
        report = _run(Path(folder), devices, frames, workers, plan, model, rate, custody, interrupts)
    console.print(closing_table(report))
    if json_target is not None:
        write_json(report, json_target)
    if report["labelled"] != report["frames"] or report["duplicates"]:
        raise BlindsightError(
            f"{report['labelled']} of {report['frames']} frames were labelled, {report['duplicates']} of them again"
        )


def _plan(model: str, security: int, frames_per_ciphertext: str, encrypt_from: str, sealed: bool) -> Plan:
    wanted = parse_frames(frames_per_ciphertext)
    with console.status("compiling the plan"):
        plan = get_plan(model, security, wanted, show_costs, encrypt_from, sealed)
    if plan.head.frames_per_ciphertext > 1:
        show_costs(plan)
    return plan


def _run(
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
    names = [f"cam-{number:02d}" for number in range(1, devices + 1)]
    # Not sent again while it only waits for the others' evaluations.
    bursts = devices * -(-frames // plan.head.frames_per_ciphertext)
    retry_after = max(_RETRY_SECONDS, 2 * bursts * plan_ms(plan) / 1000 / workers)
    site = make_site(folder, plan.head) if custody == "site" else None
    plan = _write_plan(plan, folder, site)
    samples = load_samples(model)
    services = Services(folder)
    with console.status("starting Mosquitto and Redis"):
        servers = start_servers(folder / "servers", names)
    try:
        console.print(f"{servers.mqtt} on port {servers.mqtt_port}, {servers.redis}; plan {plan.head.hash[:12]}")
        interrupts.check()
        _start_fleet(services, servers, folder / _PLAN, workers)
        if site is not None:
            console.print("the site's secret key isn't encrypted; the demo deletes it at its end")
            start_console(services, servers, site, head_path(folder / _PLAN))
        extra = [] if site is None else site.device_arguments
        cameras = [
            _start_device(services, servers, folder, name, samples, frames, i, rate, retry_after, extra)
            for i, name in enumerate(names)
        ]
        results = _watch(services, cameras, frames, interrupts)
        if site is not None:
            results = site.labelled(results)
        keys = load_header(cameras[0].folder / "keys" if site is None else site.keys)
        parts = {"mqtt": servers.mqtt.facts(), "redis_server": servers.redis.facts()}
        expected = _expected(model, samples, devices, frames)
        return make_report(plan, results, expected, devices * frames, keys, parts, custody)
    finally:
        with console.status("stopping"):
            services.stop()
            servers.stop()


def _write_plan(plan: Plan, folder: Path, site: Site | None) -> Plan:
    """Write a plan's file for workers and its head; with encrypted weights if it was compiled for that."""
    if site is not None and plan.head.for_sealing:
        with console.status("encrypting the model's weights"):
            return Plan(seal_plan(plan, load_public(site.public), folder / _PLAN, lambda _: None), plan.stages)
    plan.save(folder / _PLAN)
    plan.save_head(head_path(folder / _PLAN))
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


def _start_device(
    services: Services,
    servers: Servers,
    folder: Path,
    name: str,
    samples: LabelledFrames,
    frames: int,
    index: int,
    rate: float | None,
    retry_after: float,
    extra: Sequence[str],
) -> _Device:
    state = folder / name
    pictures = state / "camera"
    pictures.mkdir(parents=True)
    for number in range(frames):
        sample = _sample(index, number, frames, samples)
        Image.fromarray(np.squeeze(samples.frames[sample])).save(pictures / _picture(number, sample))
    arguments = [
        "device",
        "--device",
        name,
        "--camera",
        f"folder:{pictures}",
        "--state",
        str(state),
        "--exit-when-done",
    ]
    arguments += ["--plan", str(head_path(folder / _PLAN)), "--results", str(state / "results.jsonl")]
    arguments += ["--retry-after", str(retry_after), *extra]
    if rate is not None:
        arguments += ["--rate", str(rate)]
    environment = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_port),
        "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(name)),
    }
    return _Device(name, state, services.start(name, arguments, environment))


def _picture(number: int, sample: int) -> str:
    return f"{number:06d}-{sample:04d}.png"


def _sample(device: int, number: int, frames: int, samples: LabelledFrames) -> int:
    """Which sample is a device's frame of this number: they follow on, then begin again."""
    return (device * frames + number) % len(samples.frames)


def _expected(model: str, samples: LabelledFrames, devices: int, frames: int) -> dict[str, Expected]:
    """Truth and plain label by the picture's name."""
    network = load_network(model)
    plain = network.scores(samples.frames).argmax(axis=1)
    pictures = {
        (number, _sample(device, number, frames, samples)) for device in range(devices) for number in range(frames)
    }
    return {
        _picture(number, sample): Expected(network.labels[samples.labels[sample]], network.labels[plain[sample]])
        for number, sample in pictures
    }


def _watch(services: Services, cameras: Sequence[_Device], frames: int, interrupts: Interrupts) -> list[Result]:
    """Show progress until all devices have ended.

    Raises `BlindsightError` when one fails or all hang, and `SystemExit` after Ctrl-C or SIGTERM.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {camera.name: progress.add_task(camera.name, total=frames) for camera in cameras}
        count, since = 0, time.monotonic()
        while True:
            interrupts.check()
            running = any(camera.service.running for camera in cameras)
            found = {camera.name: camera.results() for camera in cameras}
            for name, results in found.items():
                last = f"  last label {results[-1].label}" if results and results[-1].label is not None else ""
                progress.update(bars[name], completed=len(results), description=f"{name}{last}")
            services.check()
            everything = [result for results in found.values() for result in results]
            if not running:
                return everything
            if len(everything) > count:
                count, since = len(everything), time.monotonic()
            if time.monotonic() - since > _STALL_SECONDS:
                tails = "\n".join(f"--- {service.name}\n{service.tail()}" for service in services.started)
                raise BlindsightError(f"no label for {_STALL_SECONDS:.0f} s\n{tails}")
            time.sleep(_POLL_SECONDS)
