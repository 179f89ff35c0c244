"""What each party holds of a burst: put together from what the one who tells it knows."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from blindsight.web.parts.ciphertexts import noise_png, sha256
from common.errors import FrameError
from common.pictures.reading import read_picture
from common.wire.messages import Custody
from web.site import FrameStory, Holding

Party = Literal["device", "broker", "bridge", "redis", "worker", "console"]
#: Labels of a burst that are told one by one.
_MOST_LABELS = 20
#: Pixels of the longer side of a picture that is shown.
_SIDE = 640

#: What each party between the key holder and itself does with a ciphertext, and for how long.
_BETWEEN: tuple[tuple[Party, str], ...] = (
    ("broker", "passes the ciphertext on, and keeps it until the bridge has it"),
    ("bridge", "checks the ciphertext's form and hands it on; it keeps nothing"),
    ("redis", "keeps the ciphertext until a worker has answered it"),
    ("worker", "computes on the ciphertext with evaluation keys, and gets encrypted scores that it can't read"),
)


@dataclass(frozen=True)
class Burst:
    """A burst, as far as it is known. `picture` is what the device still has of it, as a PNG.

    `ciphertext` are its bytes where they are at hand, `size` how many there are. `scores` are the encrypted scores that
    a worker made of it. `keeps_frames`: the device keeps what it saw, in a folder that we don't see.
    """

    device: str
    job: str
    custody: Custody
    labels: Sequence[str]
    at: float
    size: int | None
    picture: bytes | None = None
    ciphertext: bytes | None = None
    scores: bytes | None = None
    keeps_frames: bool = False


def story_of(burst: Burst) -> FrameStory:
    """What each party holds of it."""
    label = ", ".join(burst.labels[:_MOST_LABELS])
    if len(burst.labels) > _MOST_LABELS:
        label += f" and {len(burst.labels) - _MOST_LABELS:,} more"
    return FrameStory(
        device=burst.device,
        job=burst.job,
        custody=burst.custody,
        label=label,
        at=burst.at,
        parties=(_device(burst, label), *(_between(burst, *each) for each in _BETWEEN), _console(burst, label)),
    )


def _device(burst: Burst, label: str) -> Holding:
    read = f", and has read the label: {label}" if burst.custody == "device" and label else ""
    if burst.picture is None:
        kept = "keeps it in a folder of its own (--keep-frames)" if burst.keeps_frames else "keeps none"
        text = f"saw the picture, encrypted it and {kept}{read}"
        return Holding("device", "label" if read else "nothing", text)
    size = len(burst.picture)
    return Holding("device", "picture", f"has the picture{read}", size, sha256(burst.picture), burst.picture)


def _between(burst: Burst, party: Party, does: str) -> Holding:
    if party == "worker" and burst.scores is not None:  # it alone gives something else away than it gets
        text = f"{does}: these"
        return Holding(party, "ciphertext", text, len(burst.scores), sha256(burst.scores), noise_png(burst.scores))
    if burst.ciphertext is None:
        text = f"{does}; its bytes aren't at hand here, and their SHA-256 begins with {_digest(burst.job)}"
        return Holding(party, "ciphertext", text, burst.size)
    data = burst.ciphertext
    return Holding(party, "ciphertext", does, len(data), sha256(data), noise_png(data))


def _digest(job: str) -> str:
    """The digits of a ciphertext's SHA-256 with which the name of its job ends (`common.ckks.ciphertext.digest_of`)."""
    return job.partition("-")[2]


def _console(burst: Burst, label: str) -> Holding:
    if burst.custody == "device":
        return Holding("console", "nothing", "isn't there: the device holds the secret key itself")
    if not label:
        return Holding("console", "nothing", "holds the secret key, and waits for encrypted scores")
    return Holding("console", "label", f"decrypted the scores and keeps the label: {label}")


def picture_png(file: Path) -> bytes | None:
    """A picture's file as a PNG for the page, made smaller where it is large; None where there is none to be read."""
    try:
        pixels = read_picture(file)
    except FrameError:
        return None
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((_SIDE, _SIDE))
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()
