"""What a `MemorySite` always has: two models with the figures of those that ship, a fleet, settings, pictures."""

import io
import random
import time

from PIL import Image, ImageDraw

from models.samples import load_samples
from web.site import FleetView, ModelView, SettingView, StageTime, StageView, WorkerView

DIGITS = ModelView(
    model="digits",
    plan="e612f0a621c31c0c5c902308fd64cb5cb96fef19997441e9b7b6d16d5f22a5cc",
    labels=tuple("0123456789"),
    frame_shape=(28, 28, 1),
    frames_per_ciphertext=4,
    security_bits=128,
    ring_dimension=8192,
    prime_bits=(52, 52, 50, 60),
    keys_bytes=23_924_736,
    upload_bytes=78_928,
    download_bytes=59_410,
    milliseconds=9.3,
    error_bound=0.1,
    accuracy=0.988,
    sealed=False,
    stages=(
        StageView("stage 1", ("Conv2d 32 × 7×7", "Square"), (32, 11, 11), 2, 8, 16, 3.2, 6.2),
        StageView("stage 2", ("Dense 64", "Square"), (64, 1, 1), 1, 22, 64, 5.9, 5.7),
        StageView("stage 3", ("Dense 10",), (10, 1, 1), 0, 0, 1, 0.2, 5.6),
    ),
)
_CONV = ("Conv2d 64 × 3×3", "Square")
SCENES = ModelView(
    model="scenes",
    plan="eaf4f6101042b157c063a6a226f0d69721a5dc368b42425e0e05d3f9d1a31295",
    labels=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    frame_shape=(32, 32, 3),
    frames_per_ciphertext=1,
    security_bits=128,
    ring_dimension=16384,
    prime_bits=(55, 51, 57, 57, 57, 55, 60),
    keys_bytes=383_721_472,
    upload_bytes=1_360_032,
    download_bytes=133_138,
    milliseconds=431.5,
    error_bound=0.33,
    accuracy=0.811,
    sealed=False,
    stages=(
        StageView("stage 1", ("Conv2d 64 × 3×3", "AvgPool2d", "Square"), (64, 16, 16), 5, 20, 96, 94.6, 6.3),
        StageView("stage 2", ("Conv2d 64 × 3×3", "AvgPool2d", "Square"), (64, 8, 8), 4, 44, 512, 128.6, 5.3),
        StageView("stage 3", _CONV, (64, 8, 8), 3, 47, 576, 95.4, 4.9),
        StageView("stage 4", _CONV, (64, 8, 8), 2, 47, 577, 66.8, 4.9),
        StageView("stage 5", _CONV, (64, 8, 8), 1, 47, 576, 42.8, 4.8),
        StageView("stage 6", ("AvgPool2d", "Dense 10"), (10, 1, 1), 0, 6, 16, 2.1, 4.8),
    ),
)
FLEET = FleetView(
    devices=0,
    workers=(
        WorkerView("worker-a", {DIGITS.plan: "digits", SCENES.plan: "scenes"}, 4, time.time() - 266_000, 1_284_311),
        WorkerView("worker-b", {SCENES.plan: "scenes"}, 2, time.time() - 9_000, 41_207),
    ),
    waiting_bursts=0,
    waiting_bytes=1_897_412,
    queues={},
    frames_per_second=4.2,
    stages=(
        StageTime("encryption", 18, 31),
        StageTime("outbox", 12, 96),
        StageTime("bridge", 6, 14),
        StageTime("queue", 140, 610),
        StageTime("evaluation", 432, 515),
        StageTime("decryption", 9, 15),
    ),
    key_sets=9,
)
SETTINGS = (
    SettingView("The site", "keys", "/etc/blindsight/keys", "Folder of the site's key set."),
    SettingView("The site", "state", "/var/lib/blindsight", "Folder of the record of labels."),
    SettingView("The broker", "mqtt_host", "127.0.0.1", "Name or address of the MQTT broker."),
    SettingView("The broker", "mqtt_port", "8883", "Port of the MQTT broker."),
    SettingView("The broker", "mqtt_password", "set", "Password at the broker.", secret=True),
    SettingView("Labels", "keep", "400 days", "How long labels are kept."),
    SettingView("Labels", "webhook_secret", "not set", "Secret that signs webhooks.", secret=True),
)


def picture(label: str) -> bytes:
    """A frame of 28 × 28 pixels as a PNG: a digit for a digit, for other labels a scribble."""
    if label in DIGITS.labels:
        samples = load_samples("digits")
        return _png(Image.fromarray(samples.frames[list(samples.labels).index(int(label))][:, :, 0]))
    image = Image.new("L", (28, 28), 0)
    draw = ImageDraw.Draw(image)
    generator = random.Random(label)
    points = [(generator.randint(5, 22), generator.randint(4, 23)) for _ in range(5)]
    draw.line(points, fill=255, width=3, joint="curve")
    return _png(image)


def noise(data: bytes) -> bytes:
    """A ciphertext's first bytes as a picture of 96 × 96 greys."""
    return _png(Image.frombytes("L", (96, 96), data[: 96 * 96]))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
