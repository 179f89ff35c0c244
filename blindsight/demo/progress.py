"""The progress of a demo, until every device has ended."""

import time
from collections.abc import Callable, Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import console
from blindsight.demo.devices import DemoDevice
from blindsight.demo.keys.progress import KeyProgress
from blindsight.demo.processes import Services
from common.errors import BlindsightError
from edge.labels.results import Result

#: Seconds between two looks at the devices' results.
_POLL_SECONDS = 0.2


def watch(
    services: Services,
    devices: Sequence[DemoDevice],
    frames: int,
    keys: KeyProgress,
    patience: float,
    interrupts: Interrupts,
    done: Callable[[Sequence[Result]], bool],
) -> list[Result]:
    """Show progress until all devices have ended, or their results are `done`; returns all of them.

    After `patience` seconds without a new label, and without more of a key set, it ends with the logs of what hangs.

    Raises `BlindsightError` when one fails or all hang, and `SystemExit` after Ctrl-C or SIGTERM.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {device.name: progress.add_task(device.name, total=frames) for device in devices}
        before, since = (0, [""]), time.monotonic()
        while True:
            interrupts.check()
            running = any(device.service.running for device in devices)
            by_device = {device.name: device.results() for device in devices}
            waits = [keys.of(device.name) for device in devices]
            for device, wait in zip(devices, waits, strict=True):
                results = by_device[device.name]
                description = f"{device.name}  {device.last(results) or wait}"
                progress.update(bars[device.name], completed=len(results), description=description)
            services.check()
            everything = [result for results in by_device.values() for result in results]
            if not running or done(everything):
                return everything
            if (len(everything), waits) != before:
                before, since = (len(everything), waits), time.monotonic()
            if time.monotonic() - since > patience:
                tails = "\n".join(f"--- {service.name}\n{service.tail()}" for service in services.started)
                raise BlindsightError(f"no label, and no more of a key set, for {patience:.0f} s\n{tails}")
            time.sleep(_POLL_SECONDS)
