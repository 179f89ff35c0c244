"""A site's console in a program: it reads the labels of the site's devices, and records them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike

from blindsight.api.plans import AnyPlan, FilePath, head_of, load_head
from blindsight.api.running import Closing, Running
from blindsight.api.settings import address, as_group_texts, as_path, make_settings
from common.errors import BlindsightError, ConfigurationError
from common.publishing.outgoing import Target
from common.publishing.ways.functions import TARGET
from common.readings.reading import Reading
from console.functions import ConsoleFunctions
from console.preparation import prepare_for
from console.record.record import Check, FrameLabel
from console.service import make_console, open_record
from console.settings import ReadingSettings


class Console(Closing):
    """Holds a site's secret key, and reads its devices' labels in a thread of its own from when it is made to `close`.

    Each label is recorded once, in `labels.sqlite` of `state`; only then does its device get the receipt that ends it.
    `on_label` is called in the console's thread with a `FrameLabel`, in order of the record, at least once: a second
    time only where the process dies between the call's return and the commit behind it. When it raises, the console
    stops, that label comes again at the next start, and the error is raised by `check` and `close`. `on_reading` is
    called in the same way with a `Reading`, after the labels that it is made of. `on_alarm` is
    called with a `Check` when a known answer came back wrong, once: one that a crash swallows is in the record.
    """

    def __init__(
        self,
        *,
        keys: FilePath,
        plans: Sequence[AnyPlan | FilePath],
        broker: str,
        state: FilePath,
        on_label: Callable[[FrameLabel], object] | None = None,
        on_reading: Callable[[Reading], object] | None = None,
        on_alarm: Callable[[Check], object] | None = None,
        regions: FilePath | None = None,
        passphrase: str | None = None,
        passphrase_file: FilePath | None = None,
        password_file: FilePath | None = None,
        ca: FilePath | None = None,
        certificate: FilePath | None = None,
        certificate_key: FilePath | None = None,
        known_answers: FilePath | None = None,
        label_only: bool = False,
        keep: str | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Open the record and the keys, and start.

        `keys` is the folder of the site's key set, `plans` are those in use, their heads, or files of either. The
        broker and its files are as for a `Device`; the user is `console` where the URL has none. `known_answers` is the
        folder that the devices mix in. `regions` says which readings are made of labels: the region file of all
        devices, or a folder with a file DEVICE.toml for each. With `label_only` no lead is recorded; what was recorded
        longer than `keep` ago, such as "90d", is deleted. `groups` are names for several labels, such as
        {"vehicle": ["automobile", "truck"]}: a label's `group`.

        Raises `BlindsightError` naming what can't be used. A broker that isn't there is waited for.
        """
        values = {
            "keys": as_path(keys),
            "regions": as_path(regions),
            "state": as_path(state),
            "passphrase": passphrase,
            "passphrase_file": as_path(passphrase_file),
            "mqtt_password_file": as_path(password_file),
            "mqtt_ca_file": as_path(ca),
            "mqtt_cert_file": as_path(certificate),
            "mqtt_key_file": as_path(certificate_key),
            "known_answers": as_path(known_answers),
            "label_only": label_only,
            "keep": keep,
            "group": as_group_texts(groups),
        }
        settings = make_settings(
            ReadingSettings if on_label is None and on_reading is None else _WithFunction, broker, values
        )
        if not plans:
            raise ConfigurationError("plans is empty; give the plan of each model whose labels are to be read")
        heads = [load_head(plan) if isinstance(plan, str | PathLike) else head_of(plan) for plan in plans]
        prepared = prepare_for(heads, settings)
        self._address = address(settings)
        with ExitStack() as opened:
            self._record = opened.enter_context(open_record(settings))
            functions = ConsoleFunctions(self._record, on_label, on_reading, on_alarm)
            self._console = make_console(settings, prepared, self._record, [functions])
            self._stack = opened.pop_all()
        self._closed = False

        def run() -> None:
            functions.catch_up()
            self._console.run()

        self._running = Running("console", run, self._console.stop)

    def check(self) -> None:
        """Raise the error that the console has stopped with, if any."""
        self._running.check()

    def close(self) -> None:
        """Stop after the label in work. Closing twice does nothing. Raises the error that the console had stopped with.

        What isn't recorded comes again later, from the broker or its device. From `on_label` it only asks to stop.
        """
        if self._running.inside:
            self._console.stop()
            return
        if self._closed or self._running.forked:
            return
        self._closed = True
        self._running.end()
        self._stack.close()
        self._running.check()

    @property
    def counts(self) -> dict[str, int]:
        """How many labels of each device are recorded, while the console is open."""
        if self._closed:
            raise BlindsightError("the console is closed; its labels are in labels.sqlite of its state")
        return self._record.counts()

    @property
    def health(self) -> list[str]:
        """What is wrong now, a sentence each; nothing when all is well."""
        return ["the console has stopped"] if self._running.ended.is_set() else self._console.problems()

    def __repr__(self) -> str:
        return f"<Console at {self._address}>"


class _WithFunction(ReadingSettings):
    """A console whose labels and readings are still to be given to a function when they are recorded."""

    def targets(self) -> list[Target]:
        """Where labels are forwarded to."""
        return [TARGET]
