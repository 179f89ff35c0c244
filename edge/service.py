"""`blindsight device`, put together from its settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog

from common.plan import load_head
from edge.agent import Agent
from edge.cameras import open_camera
from edge.capture import Capture
from edge.encryption import FrameCipher, open_key_set
from edge.gate import Gate
from edge.identity import claim_identity
from edge.outbox import Outbox
from edge.settings import DeviceSettings

log = structlog.get_logger()


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
    state = settings.state / identity.device if settings.identities is not None else settings.state
    state.mkdir(parents=True, exist_ok=True)
    cipher = FrameCipher(head, open_key_set(settings.keys or state / "keys", head, settings.secret_passphrase()))
    outbox = Outbox(state / "outbox.sqlite", settings.outbox_mb * 1_000_000)
    camera = open_camera(
        settings.camera, head.frame_shape, resize=settings.resize, rate=settings.rate, loop=settings.loop
    )
    latest = settings.policy == "latest"
    gate = Gate(settings.motion, settings.max_rate)
    try:
        yield Agent(settings, identity.device, cipher, outbox, partial(Capture, camera, gate, cipher, outbox, latest))
    finally:
        outbox.close()
        if identity.lock is not None:
            identity.lock.close()
