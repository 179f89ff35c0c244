"""`blindsight device`, put together from its settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from common.errors import ConfigurationError
from common.keys.key_set import KeySet
from common.keys.known_answers import KnownFrame, load_known_answers
from common.logs import get_logger
from common.plan.plan import PlanHead
from common.plan.plan_file import load_head
from common.plan.predictions import upload_bytes
from edge.agent import Agent
from edge.camera.cameras import open_camera
from edge.camera.capture import Capture
from edge.camera.gate import Gate
from edge.encryption import FrameCipher, open_key_set
from edge.identity import claim_identity
from edge.labels.earlier import Readers, keep_head, open_readers
from edge.outbox.outbox import FILE, Outbox
from edge.settings import DeviceSettings

log = get_logger(__name__)


@contextmanager
def open_agent(settings: DeviceSettings) -> Iterator[Agent]:
    """An agent ready to run; its identity is held until the end.

    Raises `BlindsightError` naming what can't be used.
    """
    identity = claim_identity(settings)
    updates: dict[str, Any] = {"mqtt_username": settings.mqtt_username or identity.device}
    if identity.password_file is not None:
        updates["mqtt_password_file"] = identity.password_file
    settings = settings.model_copy(update=updates)
    head = load_head(settings.plan)
    head.check_front()
    _check_outbox(settings, head)
    state = settings.state / identity.device if settings.identities is not None else settings.state
    state.mkdir(parents=True, exist_ok=True)
    keys = settings.keys or state / "keys"
    passphrase = settings.secret_passphrase()
    cipher = FrameCipher(head, open_key_set(keys, head, passphrase, settings.custody))
    outbox = Outbox(state / FILE, settings.outbox_mb * 1_000_000)
    readers: Readers = {}
    if isinstance(cipher.key_set, KeySet):  # the whole of it, so the labels are ours to read
        keep_head(state / "heads", head, outbox)
        readers = open_readers(state / "heads", keys, head, cipher.key_set, outbox, passphrase)
    camera = open_camera(
        settings.camera, head.frame_shape, resize=settings.resize, rate=settings.rate, loop=settings.loop
    )
    latest = settings.policy == "latest"
    gate = Gate(settings.motion, settings.max_rate)
    try:
        check_at = _checks(settings, identity.device, head)
        capture = partial(Capture, camera, gate, cipher, outbox, latest, settings.burst_wait, check_at)
        yield Agent(settings, identity.device, cipher, readers, outbox, capture)
    finally:
        outbox.close()
        if identity.lock is not None:
            identity.lock.close()


def _checks(settings: DeviceSettings, device: str, head: PlanHead) -> Callable[[int], KnownFrame | None]:
    """Which of the device's capture counters are checks."""
    if settings.known_answers is None:
        return lambda _: None
    known = load_known_answers(settings.known_answers)
    known.check_serves(head)
    return partial(known.at, device)


def _check_outbox(settings: DeviceSettings, head: PlanHead) -> None:
    """The outbox has to take a burst, or the camera would wait for ever."""
    burst = upload_bytes(head)
    if burst > settings.outbox_mb * 1_000_000:
        raise ConfigurationError(
            f"outbox_mb is {settings.outbox_mb}, and a burst of {head.frames_per_ciphertext} frames takes "
            f"{burst / 1e6:.1f} MB; raise --outbox-mb, or compile the plan with fewer --frames-per-ciphertext"
        )
