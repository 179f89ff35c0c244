"""Settings of `blindsight device`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from common.messages import Custody
from common.settings import KeyHolderSettings


class DeviceSettings(KeyHolderSettings):
    """One device: who it is, what it sees, what it keeps. A frame is accepted once its burst is in the outbox."""

    device: str | None = Field(None, description="Device id, equal to its MQTT user name.")
    identities: Path | None = Field(None, description="Folder of identities; the first free one is taken.")
    camera: str = Field(description="folder:PATH, video:PATH, webcam:N or samples:MODEL.")
    plan: Path = Field(description="Plan or head file of the model that the fleet serves, or a shipped model's name.")
    state: Path = Field(description="Folder for the outbox and, unless --keys is given, the key set.")
    custody: Custody = Field(
        "device", description="Who holds the secret key and reads the labels: this device, or its site's console."
    )
    keys: Path | None = Field(
        None, description="Folder of the key set, made when it holds none; under site custody of its public part."
    )
    known_answers: Path | None = Field(None, description="Folder of known answers to mix in, as checks of the workers.")
    policy: Literal["all", "latest"] = Field("all", description="Answer every frame, or stay up to date.")
    rate: float | None = Field(None, gt=0, description="Frames a second taken from the camera, at most.")
    loop: bool = Field(False, description="Begin a folder or video again at its end.")
    resize: bool = Field(False, description="Fit frames of another size or colour to the model.")
    motion: float | None = Field(None, ge=0, le=255, description="Mean grey difference that counts as motion.")
    max_rate: float | None = Field(None, gt=0, description="Frames a second sent, at most.")
    burst_wait: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="Seconds a frame waits for others to share its ciphertext, at most."
    )
    outbox_mb: int = Field(512, ge=1, description="Bound of the outbox on disk, in MB.")
    retry_after: float = Field(20.0, gt=0, description="Seconds without a label before a frame is sent again.")
    deadline: float = Field(86400.0, gt=0, description="Seconds after which an unanswered frame is dead-lettered.")
    results: Path | None = Field(None, description="File that gets a JSON line per label.")
    exit_when_done: bool = Field(False, description="Stop when the camera has ended and all is answered.")
