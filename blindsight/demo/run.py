"""A run of the demo: everything on this machine, on real servers, with sample frames."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import console
from blindsight.demo.custody import Site, make_site, start_console
from blindsight.demo.devices import DemoDevice, start_device
from blindsight.demo.keys.memory import Memory, memory_for
from blindsight.demo.keys.progress import KeyProgress
from blindsight.demo.meters import Meters
from blindsight.demo.pictures import Pictures, camera_folder
from blindsight.demo.processes import Services
from blindsight.demo.progress import watch
from blindsight.demo.readings import MeterReadings
from blindsight.demo.report import make_report
from blindsight.demo.servers import Servers, connect_redis, start_servers
from blindsight.demo.showing.strip import Moment
from blindsight.demo.wire_tap import WireTap
from common.engine_names import EngineName
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_set import load_header, load_public
from common.plan.costs import load_costs
from common.plan.plan import Plan
from common.plan.predictions import plan_ms, weight_bytes
from common.wire.messages import Custody
from common.wire.topics import BRIDGE_USER, CONSOLE_USER, WORKER_USER
from edge.labels.results import Result
from models.catalogue import load_network
from models.sealing import head_path, seal_plan
from workers.evaluation.engines import open_engine

#: The name of the plan's file, which workers get.
_PLAN = "model.plan"
#: Seconds after which a frame without a label is sent again, at least.
_RETRY_SECONDS = 20.0
#: Seconds for which neither a label nor more of a key set may come, and for each gigabyte of weights besides: a worker
#: prepares them when it starts.
_PATIENCE_SECONDS, _PATIENCE_PER_GB = 120.0, 60.0


@dataclass(frozen=True)
class DemoOptions:
    """What a demo runs: so many devices and evaluations at once; `rate` is in pictures a second per device.

    With `web_port` (0 is a free one) its site is served in a browser, and its cameras go on.
    """

    devices: int
    workers: int
    model: str
    rate: float | None
    custody: Custody
    engine: EngineName
    web_port: int | None = None


@dataclass(frozen=True)
class DemoRun:
    """What became of a demo: its report, and moments of meters. `check` raises an error where a part has failed."""

    report: dict[str, object]
    moments: list[Moment]
    check: Callable[[], None] = lambda: None


@contextmanager
def run_demo(
    folder: Path, pictures: Pictures, plan: Plan, options: DemoOptions, interrupts: Interrupts
) -> Iterator[DemoRun]:
    """Run a site in an empty folder until every device's pictures are labelled.

    It is stopped then; or at the end of the block where it is served in a browser, and until then its cameras go on.

    Raises `BlindsightError` when a part fails or hangs, and `SystemExit` once `interrupts` has seen a signal.
    """
    names = _names(options)
    memory = memory_for(plan, 1 if options.custody == "site" else options.devices, open_engine(options.engine))
    site = _make_site(folder, plan) if options.custody == "site" else None
    plan_file = folder / _PLAN
    plan = _write_plan(plan, plan_file, site)
    with console.status("making pictures"):
        of_devices = pictures.write(folder, names)
    services = Services(folder)
    with console.status("starting Mosquitto and Redis"):
        servers = start_servers(folder / "servers", names, redis_memory=memory.redis)
    with ExitStack() as running:
        running.callback(_stop, services, servers)
        console.print(f"{servers.mqtt} on port {servers.mqtt_port}, {servers.redis}; plan {plan.head.hash[:12]}")
        interrupts.check()
        tap = running.enter_context(closing(WireTap(servers)))
        _start_fleet(services, servers, plan_file, options, memory)
        if site is not None:
            console.print("the site's secret key isn't encrypted; the demo deletes it at its end")
            start_console(services, servers, site, head_path(plan_file), pictures.console_options(folder))
        common = _common_options(plan, pictures, site, options)
        devices = [
            start_device(
                services, servers, folder / name, camera_folder(folder, name), head_path(plan_file), [*common, *own]
            )
            for name, own in zip(names, of_devices, strict=True)
        ]
        if options.web_port is not None:
            running.enter_context(_served(folder, servers, tap, plan_file, names, site, options, options.web_port))
        patience = _PATIENCE_SECONDS + _PATIENCE_PER_GB * weight_bytes(plan) / 1e9
        keys = _key_progress(servers, devices, site)
        results = _watch(services, devices, pictures, options, keys, patience, interrupts)
        if options.web_port is None:
            running.close()
        results = results if site is None else site.labelled(results)
        header = load_header(devices[0].keys if site is None else site.keys)
        run = _evaluated(folder, plan, pictures, options, results, header, servers, tap)
        if options.web_port is not None:
            from blindsight.web.demo.feeder import Feeder

            running.enter_context(Feeder(pictures.more(folder, names), options.rate or 1.0))
        yield replace(run, check=services.check)


def _served(
    folder: Path,
    servers: Servers,
    tap: WireTap,
    plan_file: Path,
    names: Sequence[str],
    site: Site | None,
    options: DemoOptions,
    port: int,
) -> AbstractContextManager[None]:
    from blindsight.web.demo.serving import DemoParts, serve_demo

    cameras = {name: camera_folder(folder, name) for name in names}
    record = None if site is None else site.record
    shown = {name.replace("_", "-"): str(value) for name, value in vars(options).items() if value is not None}
    return serve_demo(DemoParts(folder, servers, tap, plan_file, cameras, options.custody, record, shown), port)


def _key_progress(servers: Servers, devices: Sequence[DemoDevice], site: Site | None) -> KeyProgress:
    """How far each device's key set is, which is the site's for all of them where there is one."""
    key_sets = {each.name: (each.name, each.keys) if site is None else (CONSOLE_USER, site.keys) for each in devices}
    return KeyProgress(connect_redis(servers), key_sets)


def _watch(
    services: Services,
    devices: Sequence[DemoDevice],
    pictures: Pictures,
    options: DemoOptions,
    keys: KeyProgress,
    patience: float,
    interrupts: Interrupts,
) -> list[Result]:
    """All results, once the devices have ended; or, where they go on, once all pictures are labelled, and read."""
    frames, names = pictures.per_device * pictures.frames_per_picture, _names(options)

    def done(results: Sequence[Result]) -> bool:
        complete = len(results) >= frames * len(devices)
        return options.web_port is not None and complete and pictures.are_read(services.folder, names)

    return watch(services, devices, frames, keys, patience, interrupts, done)


def _evaluated(
    folder: Path,
    plan: Plan,
    pictures: Pictures,
    options: DemoOptions,
    results: Sequence[Result],
    header: EvaluationKeysHeader,
    servers: Servers,
    tap: WireTap,
) -> DemoRun:
    names = _names(options)
    parts = {"mqtt": servers.mqtt.facts(), "redis_server": servers.redis.facts()}
    expected = pictures.expected(load_network(options.model), folder, names)
    frames = pictures.per_device * pictures.frames_per_picture
    report = make_report(plan, results, expected, options.devices * frames, header, parts, options.custody)
    if not isinstance(pictures, Meters):
        return DemoRun(report, [])
    readings = MeterReadings(folder, pictures, names, results)
    return DemoRun({**report, "readings": readings.summary()}, readings.moments(tap))


def _names(options: DemoOptions) -> list[str]:
    return [f"cam-{number:02d}" for number in range(1, options.devices + 1)]


def _make_site(folder: Path, plan: Plan) -> Site:
    with console.status("making the site's keys"):
        return make_site(folder, plan.head)


def _stop(services: Services, servers: Servers) -> None:
    with console.status("stopping"):
        services.stop()
        servers.stop()


def _common_options(plan: Plan, pictures: Pictures, site: Site | None, options: DemoOptions) -> list[str]:
    """The options that all devices have."""
    together = max(plan.head.frames_per_ciphertext // pictures.frames_per_picture, 1)
    bursts = options.devices * -(-pictures.per_device // together)
    # Not while a frame only waits for the others' evaluations.
    retry_after = max(_RETRY_SECONDS, 2 * bursts * plan_ms(plan, load_costs(options.engine)) / 1000 / options.workers)
    return [
        "--retry-after",
        str(retry_after),
        "--exit-when-done" if options.web_port is None else "--watch",
        *([] if options.rate is None else ["--rate", str(options.rate)]),
        *([] if site is None else site.device_arguments),
    ]


def _write_plan(plan: Plan, file: Path, site: Site | None) -> Plan:
    """Write a plan's file for workers and its head; with encrypted weights if it was compiled for that."""
    if site is not None and plan.head.for_sealing:
        with console.status("encrypting the model's weights"):
            return Plan(seal_plan(plan, load_public(site.public), file, lambda _: None), plan.stages)
    plan.save(file)
    plan.save_head(head_path(file))
    return plan


def _start_fleet(services: Services, servers: Servers, plan_file: Path, options: DemoOptions, memory: Memory) -> None:
    common = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_service_port),
        "BLINDSIGHT_REDIS_URL": servers.redis_url,
        "BLINDSIGHT_REDIS_PASSWORD_FILE": str(servers.redis_password_file),
    }
    worker = ["--plans", str(plan_file), "--concurrency", str(options.workers), "--engine", options.engine]
    worker += ["--key-cache-mb", str(memory.key_cache_mb)]
    worker += ["--key-folder", str(plan_file.parent / "worker-keys")]  # which goes with the demo's folder
    for user, arguments in (
        (BRIDGE_USER, ["bridge"]),
        (WORKER_USER, ["worker", *worker]),
    ):
        credentials = {
            "BLINDSIGHT_MQTT_USERNAME": user,
            "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(user)),
        }
        services.start(user, arguments, {**common, **credentials})
