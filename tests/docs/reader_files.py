"""What a reader of a page already has: frames, a network, a device's outbox."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from edge.outbox.outbox import FILE, Outbox
from models.samples import load_samples
from tests.docs.blocks import ROOT
from tests.meter_pictures import write_meter
from tests.unit.edge.entries import entry, job


def known_frames(folder: Path) -> None:
    """`mine.npz`: labelled frames for known answers."""
    samples = load_samples("digits")
    np.savez(folder / "mine.npz", frames=samples.frames, labels=samples.labels)


def site(folder: Path) -> None:
    """What whoever runs a site has: frames for known answers, and the passwords that two people chose."""
    known_frames(folder)
    for name in ("ann", "bob"):
        (folder / f"{name}-password").write_text(f"the password of {name}\n")


def network(folder: Path) -> None:
    """`net.onnx`, as PyTorch exports it, and `frames.npz` of its shape."""
    shutil.copy(ROOT / "tests" / "data" / "onnx" / "torch_squares_dynamo.onnx", folder / "net.onnx")
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (40, 8, 10, 3), dtype=np.uint8)
    np.savez(folder / "frames.npz", frames=frames, labels=np.arange(40) % 2)


def dead_letters(folder: Path) -> None:
    """The state folder `cam-01`, with two dead letters."""
    state = folder / "cam-01"
    state.mkdir()
    outbox = Outbox(state / FILE, max_bytes=10_000)
    for counter, reason in ((3, "deadline"), (17, "oversized")):
        outbox.add(entry(counter))
        outbox.park(job(counter), reason, "the reason in words", 2000.0)
    outbox.close()


def meter_photos(folder: Path) -> None:
    """Photos of a meter in `photos`, and what they show in `readings.csv`."""
    photos = folder / "photos"
    photos.mkdir()
    write_meter(photos, "31804", "56207")
    (photos / "readings.csv").rename(folder / "readings.csv")


def receiver(folder: Path) -> None:
    """The example of a receiver of webhooks."""
    shutil.copy(ROOT / "examples" / "webhook_receiver.py", folder)


def pictures(folder: Path) -> None:
    """The folder `pictures`, with one of a seven."""
    (folder / "pictures").mkdir()
    samples = load_samples("digits")
    seven = samples.frames[int(np.flatnonzero(samples.labels == 7)[0]), :, :, 0]
    Image.fromarray(seven).save(folder / "pictures" / "seven.png")


#: By page.
PREPARE: dict[str, Callable[[Path], None]] = {
    "docs/cameras.md": pictures,
    "docs/operator.md": site,
    "docs/threat-model.md": known_frames,
    "docs/meter.md": meter_photos,
    "docs/models.md": network,
    "docs/outbox.md": dead_letters,
    "docs/publishing.md": receiver,
    "docs/regions.md": meter_photos,
}
