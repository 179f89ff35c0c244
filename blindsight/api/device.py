"""A device in a program: frames in, encrypted on the spot and kept until their labels are there."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blindsight.api.frames import Frame, picture_in, source_of
from blindsight.api.plans import AnyPlan, FilePath, head_of, load_head
from blindsight.api.running import Closing, Running
from blindsight.api.settings import address, as_group_texts, as_path, make_settings
from common.errors import BlindsightError, ConfigurationError, FrameError, OutboxError
from common.publishing.outgoing import Target
from common.publishing.ways.functions import TARGET
from common.readings.reading import Reading
from common.wire.messages import Custody
from common.wire.topics import check_device
from edge.camera.cameras import Camera
from edge.camera.framing import open_framing, sources_of
from edge.labels.results import Result, ResultFunction, Sink
from edge.outbox.entries import Counts
from edge.service import Parts, assemble, check_parts
from edge.settings import AgentSettings

#: Seconds between looks whether all is answered.
_LOOK = 0.05
#: What only makes sense with a camera.
_CAMERA_ONLY = ("motion", "max_rate", "burst_wait", "known_answers")


class Device(Closing):
    """Sends frames, encrypted, and gets their labels; it runs in a thread of its own from when it is made to `close`.

    A frame is durable once `submit` returns: it is on disk in `state`, encrypted, and is sent until its label is there,
    by this device or by the next one made with the same `state`. `on_label` is called in the device's thread with a
    `Result` for each frame, in order of capture. It is called at least once: a second time only where the process dies
    between the call's return and the commit behind it. While it runs, no other label is taken. When it raises, the
    device stops, that label comes again at the next start, and the error is raised by the next call or by `close`.
    `on_reading` is called in the same way with a `Reading` for each reading that `regions` names.

    Two devices in one process need names and folders of their own.
    """

    def __init__(
        self,
        name: str,
        *,
        plan: AnyPlan | FilePath,
        broker: str,
        state: FilePath,
        on_label: Callable[[Result], object] | None = None,
        on_reading: Callable[[Reading], object] | None = None,
        camera: Camera | None = None,
        keys: FilePath | None = None,
        custody: Custody = "device",
        passphrase: str | None = None,
        passphrase_file: FilePath | None = None,
        password_file: FilePath | None = None,
        ca: FilePath | None = None,
        certificate: FilePath | None = None,
        certificate_key: FilePath | None = None,
        policy: Literal["all", "latest"] = "all",
        resize: bool = False,
        regions: FilePath | None = None,
        outbox_mb: int = 512,
        retry_after: float = 20.0,
        deadline: float = 86400.0,
        motion: float | None = None,
        max_rate: float | None = None,
        burst_wait: float | None = None,
        known_answers: FilePath | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Open the outbox and the keys, which are made in `state` unless `keys` names a folder, and start.

        `plan` is what the fleet serves, its head, or a file of either. `broker` is mqtt://USER:PASSWORD@HOST:PORT, or
        mqtts://… with `ca`; the user is `name` where the URL has none, and the password may be in `password_file`.
        With `custody="site"`, `keys` is the public part of the site's key set; labels are then read by its console, and
        results have none. `resize` lets pictures of another size be fitted; with `regions`, a region file, parts of
        each picture are sent in place of all of it, as one burst; give one of the two. `outbox_mb` bounds the outbox;
        after `retry_after` seconds a frame is sent again, and after `deadline` it is parked. With a `camera` its shots
        are taken, and `motion`, `max_rate`, `burst_wait` and `known_answers` are as for `blindsight device`.
        `groups` are names for several labels, such as {"vehicle": ["automobile", "truck"]}: a result's `group`.

        Raises `BlindsightError` naming what can't be used. A broker that isn't there is waited for.
        """
        values = {
            "device": check_device(name),
            "state": as_path(state),
            "keys": as_path(keys),
            "custody": custody,
            "passphrase": passphrase,
            "passphrase_file": as_path(passphrase_file),
            "mqtt_password_file": as_path(password_file),
            "mqtt_ca_file": as_path(ca),
            "mqtt_cert_file": as_path(certificate),
            "mqtt_key_file": as_path(certificate_key),
            "policy": policy,
            "outbox_mb": outbox_mb,
            "retry_after": retry_after,
            "deadline": deadline,
            "resize": resize,
            "regions": as_path(regions),
            "motion": motion,
            "max_rate": max_rate,
            "burst_wait": burst_wait,
            "known_answers": as_path(known_answers),
            "group": as_group_texts(groups),
        }
        useless = [each for each in _CAMERA_ONLY if values[each] is not None]
        if camera is None and useless:
            raise ConfigurationError(f"{useless[0]} is for a camera; give camera=…, or leave it out")
        settings = make_settings(AgentSettings if on_reading is None else _WithFunction, broker, values)
        self.name, self._address = name, address(settings)
        self._head = load_head(plan) if isinstance(plan, str | PathLike) else head_of(plan)
        checked = check_parts(settings, self._head)
        self._framing = open_framing(settings.regions, resize, self._head)
        parts = Parts(
            name,
            Path(state),
            self._head,
            camera,
            self._framing,
            checked,
            lambda: _sink(on_label),
            on_reading,
        )
        self._stack = ExitStack()
        self._assembled = self._stack.enter_context(assemble(settings, parts))
        self._outbox = self._assembled.outbox
        self._last_counts: Counts | None = None
        self._closing = False

        def run() -> None:
            self._assembled.agent.run()  # through `self`, so that a device which nobody keeps isn't collected meanwhile

        self._running = Running(f"device {name}", run, self._assembled.agent.stop)

    def submit(self, *frames: Frame, source: str | None = None) -> str:
        """Encrypt a frame and keep it; when this returns, it is on disk and needs this call's frame no more.

        A frame is a uint8 array (h, w[, 1 or 3]), a Pillow image, or the path of a picture. Several frames share a
        ciphertext, as many as the plan has `frames_per_ciphertext`; with `regions`, those of one picture do. `source`
        is what their results name as their source; by default a picture's path, and with `regions` ":" and the region
        behind it. From any thread. Returns the burst's job, as results name it.

        Raises `FrameError` when a frame doesn't fit, `OutboxFullError` when the outbox has reached its bound (wait, and
        try again), `OutboxError`, and the error that the device has stopped with.
        """
        self._check_open()
        self._check_running()
        submissions = self._assembled.submissions
        if submissions is None:
            raise ConfigurationError("this device takes its frames from its camera; make another one to submit frames")
        if self._framing.are_burst and len(frames) != 1:
            raise FrameError(f"there are {len(frames)} pictures; with regions, each one is submitted by itself")
        most = self._head.frames_per_ciphertext
        if not 1 <= len(frames) <= most:
            raise FrameError(f"there are {len(frames)} frames; a ciphertext of this plan takes 1 to {most}")
        arrays = np.concatenate([self._arrays(frame) for frame in frames])
        sources = [each for frame in frames for each in sources_of(self._framing, source or source_of(frame))]
        try:
            return submissions.submit(arrays, sources).job
        except OutboxError:
            self._check_open()  # another thread may have closed it
            raise

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every frame is answered, and `on_label` was called for it, or parked; False after the timeout (s).

        A camera has to have ended, too. Raises the error that the device has stopped with. Not to be called from
        `on_label`.
        """
        if self._running.inside:
            raise ConfigurationError("wait was called from on_label, which it would wait for; call it from elsewhere")
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self._check_open()
            if self._all_answered():
                return True
            self._check_running()
            if until is not None and time.monotonic() >= until:
                return False
            self._running.ended.wait(_LOOK)

    def close(self, wait: float = 0.0) -> None:
        """Stop, after waiting up to so many seconds for labels that are still to come.

        What is unanswered stays in the outbox for the next device with this `state`. Closing twice does nothing. Raises
        the error that the device had stopped with, once all is closed. From `on_label` it only asks the device to stop,
        and in a process that was forked it does nothing.
        """
        if self._running.inside:
            self._assembled.agent.stop()
            return
        if self._last_counts is not None or self._running.forked:
            return
        try:
            if wait and not self._running.failed:
                self.wait(wait)
        finally:
            self._closing = True
            self._running.end()
            self._last_counts = self._outbox.counts()
            self._stack.close()
        self._running.check()

    @property
    def counts(self) -> Counts:
        """How many frames were accepted, and are pending, answered, parked, dropped, in all runs with this `state`."""
        return self._last_counts or self._outbox.counts()

    @property
    def health(self) -> list[str]:
        """What is wrong now, a sentence each; nothing when all is well."""
        if self._running.ended.is_set() or self._last_counts is not None:
            return ["the device has stopped"]
        return self._assembled.agent.problems()

    def __repr__(self) -> str:
        return f"<Device {self.name!r} at {self._address}>"

    def _all_answered(self) -> bool:
        if self._assembled.submissions is None and not self._assembled.agent.camera_ended:
            return False
        return self._outbox.counts().pending == 0 and not self._outbox.unwritten(1)

    def _check_open(self) -> None:
        if self._closing:
            raise BlindsightError(f"device {self.name!r} is closed; make a new one with the same state to go on")
        self._running.check()

    def _check_running(self) -> None:
        if self._running.ended.is_set():
            self._running.check()
            raise BlindsightError(f"device {self.name!r} was stopped from its on_label; make a new one to go on")

    def _arrays(self, frame: Frame) -> NDArray[np.uint8]:
        """A frame as the plan takes it, or a picture's regions, (k, h, w, c) uint8. Raises `FrameError`."""
        picture = picture_in(frame)
        try:
            return self._framing.frames(picture)
        except FrameError as error:
            what = f"{frame}: " if isinstance(frame, str | PathLike) else ""
            raise FrameError(f"{what}{error}".replace("--resize", "resize=True")) from error


def _sink(on_label: Callable[[Result], object] | None) -> Sink | None:
    return None if on_label is None else ResultFunction(on_label)


class _WithFunction(AgentSettings):
    """A device whose readings are still to be given to a function when they are recorded."""

    def targets(self) -> list[Target]:
        """Where readings are forwarded to."""
        return [TARGET]
