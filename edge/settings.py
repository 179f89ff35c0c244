"""Settings of `blindsight device`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from common.publishing.settings import PublishingSettings
from common.service.settings import KEYS, Extra
from common.wire.messages import Custody

IDENTITY: Extra = {"panel": "Device"}
CAMERA: Extra = {"panel": "Camera"}
OUTBOX: Extra = {"panel": "Outbox and results"}


class AgentSettings(PublishingSettings):
    """What a device is told, whoever starts it. A frame is accepted once its burst is in the outbox."""

    device: str | None = Field(None, description="Device id, equal to its MQTT user name.", json_schema_extra=IDENTITY)
    state: Path = Field(
        description="Folder for the outbox and, unless --keys is given, the key set.", json_schema_extra=IDENTITY
    )
    custody: Custody = Field(
        "device",
        description="Who holds the secret key and reads the labels: this device, or its site's console.",
        json_schema_extra=KEYS,
    )
    keys: Path | None = Field(
        None,
        description="Folder of the key set, made when it holds none; under site custody of its public part.",
        json_schema_extra=KEYS,
    )
    known_answers: Path | None = Field(
        None, description="Folder of known answers to mix in, as checks of the workers.", json_schema_extra=KEYS
    )
    policy: Literal["all", "latest"] = Field(
        "all", description="Answer every frame, or stay up to date.", json_schema_extra=OUTBOX
    )
    resize: bool = Field(False, description="Fit pictures of another size to the model.", json_schema_extra=CAMERA)
    regions: Path | None = Field(
        None, description="Region file: what is cut out of each picture, as one burst.", json_schema_extra=CAMERA
    )
    motion: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Percentage of the picture that must have moved for it to be sent.",
        json_schema_extra=CAMERA,
    )
    max_rate: float | None = Field(
        None, gt=0, description="Frames a second sent, at most; the others are passed over.", json_schema_extra=CAMERA
    )
    burst_wait: float = Field(
        1.0,
        ge=0,
        description="Seconds a frame waits for others to share its ciphertext, at most.",
        json_schema_extra=OUTBOX,
    )
    outbox_mb: int = Field(512, ge=1, description="Bound of the outbox on disk, in MB.", json_schema_extra=OUTBOX)
    retry_after: float = Field(
        20.0, gt=0, description="Seconds without a label before a frame is sent again.", json_schema_extra=OUTBOX
    )
    deadline: float = Field(
        86400.0, gt=0, description="Seconds after which an unanswered frame is dead-lettered.", json_schema_extra=OUTBOX
    )
    exit_when_done: bool = Field(
        False, description="Stop when the camera has ended and all is answered.", json_schema_extra=OUTBOX
    )


class DeviceSettings(AgentSettings):
    """One device of the command line: who it is, what it sees, what it keeps."""

    identities: Path | None = Field(
        None, description="Folder of identities; the first free one is taken.", json_schema_extra=IDENTITY
    )
    camera: str = Field(
        description="folder:PATH, video:PATH, webcam:N, /dev/videoN, rtsp://HOST/PATH, http://HOST/PATH (a snapshot or "
        "an MJPEG stream), https://HOST/PATH, picamera2:N or samples:MODEL.",
        repr=False,  # an address may hold a password
        json_schema_extra={**CAMERA, "secret": True},
    )
    camera_password_file: Path | None = Field(
        None, description="File that holds USER:PASSWORD of a camera in the network.", json_schema_extra=CAMERA
    )
    camera_ca_file: Path | None = Field(
        None,
        description="Certificate that an https:// camera's own is signed by, if the system doesn't know it.",
        json_schema_extra=CAMERA,
    )
    plan: Path = Field(
        description="Plan or head file of the model that the fleet serves, its folder, or a shipped model's name.",
        json_schema_extra=IDENTITY,
    )
    rate: float | None = Field(
        None, gt=0, description="Pictures a second taken from the camera, at most.", json_schema_extra=CAMERA
    )
    loop: bool = Field(False, description="Begin a folder or video again at its end.", json_schema_extra=CAMERA)
    keep_frames: Path | None = Field(
        None,
        description="Folder in which frames are also kept as pictures, unencrypted, to label and train on.",
        json_schema_extra=CAMERA,
    )
    keep_frames_most: int = Field(
        1000, ge=1, description="Pictures kept in that folder, at most; the oldest make room.", json_schema_extra=CAMERA
    )
    watch: bool = Field(
        False, description="Wait for further pictures that the folder receives.", json_schema_extra=CAMERA
    )
    results: Path | None = Field(None, description="File that gets a JSON line per label.", json_schema_extra=OUTBOX)
