"""The tables of `blindsight status`: as many devices as fit the terminal, and what is behind them."""

from collections.abc import Sequence

from rich.text import Text

from blindsight.measure.site_status import Snapshot
from common.fleet.registry import WorkerEntry
from common.terminal.browsing import Browser, Device
from common.terminal.columns import Column, amount, duration, lay_out, printable, prose
from common.terminal.listing import list_devices
from common.wire.status import Status

#: The columns of the table of devices.
_DEVICES = (
    Column("device"),
    Column("state", 0),
    Column("pending", 1, right=True),
    Column("oldest", 5, right=True),
    Column("answered", 4, right=True),
    Column("/s", 6, right=True),
    Column("parked", 3, right=True),
    Column("alarms", 2, right=True),
    Column("up", 7, right=True),
    Column("model", 8),
)
#: The columns of the table of workers.
_WORKERS = (
    Column("worker"),
    Column("processes", 3, right=True),
    Column("up", 4, right=True),
    Column("answered", 1, right=True),
    Column("/s", 2, right=True),
    Column("models", 5, below=True),
)
#: The columns of the table of queues.
_QUEUES = (Column("queue"), Column("bursts", 0, right=True), Column("MB", 1, right=True), Column("/s", 2, right=True))
#: Lines of a live terminal for each worker, and for each plan's queue, that is shown; the others are only counted.
_LINES_FOR_ONE = 8


def render(now: Snapshot, before: Snapshot | None, browser: Browser, width: int, height: int | None = None) -> Text:
    """A snapshot's tables, with rates since the snapshot `before`; all rows, or as many as a height in lines takes."""
    few = None if height is None else max(height // _LINES_FOR_ONE, 1)
    top = [line for problem in now.problems for line in prose(printable(problem), width, "bold red")]
    top += prose(_summary(now), width)
    bottom = [Text(), *_workers(now, before, width, few), Text(), *_queues(now, before, width, few)]
    room = None if height is None else height - len(top) - len(bottom)
    return Text("\n", no_wrap=True).join([*top, *_devices(now, before, browser, width, room), *bottom])


def _summary(now: Snapshot) -> str:
    online = sum(status.state == "online" for status in now.devices.values())
    alarms, parked = (
        sum(bool(getattr(status, name)) for status in now.devices.values()) for name in ("alarms", "parked")
    )
    keeping = sum(status.keeps_frames for status in now.devices.values())
    noun = "device" if len(now.devices) == 1 else "devices"
    return (
        f"{amount(len(now.devices))} {noun}: {amount(online)} online, {amount(len(now.devices) - online)} offline; "
        f"{amount(alarms)} with alarms, {amount(parked)} with dead letters"
        + (f"; {amount(keeping)} with frames kept as pictures" if keeping else "")
    )


def _devices(now: Snapshot, before: Snapshot | None, browser: Browser, width: int, room: int | None) -> list[Text]:
    def cells(device: Device) -> list[Text]:
        status = now.devices[device.name]
        earlier = before.devices.get(device.name) if before else None
        rate = _rate(status.answered, earlier.answered if earlier else None, now, before)
        return _device(device.name, status, now.at, rate)

    devices = [Device(name, status, status.alarms) for name, status in now.devices.items()]
    return list_devices(devices, _DEVICES, cells, browser, width, room)


def _device(name: str, status: Status, now: float, rate: str) -> list[Text]:
    online = status.state == "online"
    wrong = "bold red"
    state = Text(status.state, style="green" if online else "red")
    if online and status.no_picture_since:
        state = Text("no pictures", style=wrong)
    return [
        Text(name),
        state,
        Text(amount(status.pending)),
        Text(duration(status.oldest_pending_s) if status.pending else ""),
        Text(amount(status.answered)),
        Text(rate),
        Text(amount(status.parked), style=wrong if status.parked else ""),
        Text(amount(status.alarms), style=wrong if status.alarms else ""),
        Text(duration(now - status.started_at) if online else ""),
        Text(printable(f"{status.model} {status.plan[:12]}")),
    ]


def _workers(now: Snapshot, before: Snapshot | None, width: int, few: int | None) -> list[Text]:
    earlier = {worker.name: worker.answered for worker in before.workers} if before else {}
    rows = [
        [
            Text(printable(worker.name)),
            Text(amount(worker.concurrency)),
            Text(duration(now.at - worker.started_at)),
            Text(amount(worker.answered)),
            Text(_rate(worker.answered, earlier.get(worker.name), now, before)),
            Text(_models(worker, few)),
        ]
        for worker in now.workers[:few]
    ]
    if not rows:
        rows = [[Text("none; start one with: blindsight worker"), *[Text()] * (len(_WORKERS) - 1)]]
    return _few(_WORKERS, rows, len(now.workers), width)


def _models(worker: WorkerEntry, few: int | None) -> str:
    models = [printable(f"{model} {plan[:12]}") for plan, model in worker.models.items()]
    more = [] if few is None or len(models) <= few else [f"and {len(models) - few:,} more"]
    return ", ".join([*models[:few], *more])


def _queues(now: Snapshot, before: Snapshot | None, width: int, few: int | None) -> list[Text]:
    if now.queues is None:
        return []
    rate = _rate(now.queues.drained, before.queues.drained if before and before.queues else None, now, before)
    waiting = Text("waiting or in work"), Text(amount(now.queues.bursts)), Text(f"{now.queues.bytes / 1e6:,.1f}")
    rows = [[*waiting, Text(rate)]]
    plans = sorted(now.queues.plans.items(), key=lambda plan: -plan[1])
    rows += [[Text(f"not yet taken, {plan}"), Text(amount(length)), Text(), Text()] for plan, length in plans[:few]]
    return _few(_QUEUES, rows, len(plans) + 1, width)


def _few(columns: Sequence[Column], rows: list[list[Text]], count: int, width: int) -> list[Text]:
    """A table, and how many more rows there are."""
    layout = lay_out(columns, rows, width)
    more = [Text(f"… and {count - len(rows):,} more", style="dim")] if count > len(rows) else []
    return [layout.header, *(line for row in layout.rows for line in row), *more]


def _rate(value: int, earlier: int | None, now: Snapshot, before: Snapshot | None) -> str:
    if before is None or earlier is None or now.at <= before.at:
        return ""
    return f"{min(max(value - earlier, 0), 10**9) / (now.at - before.at):.1f}"
