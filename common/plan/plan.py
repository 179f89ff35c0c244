"""A plan: everything needed to evaluate one network on ciphertexts, as one file with a hash.

The *head* is what a device needs: how a frame is laid out and how scores are read. The *body*
is what a worker needs besides: vectors and rotation steps, stage by stage. The head holds the
body's SHA-256, and the plan's hash is that of the head, so either file names the same plan.

    file = b"BSPLAN2\\0", size of the head u32, head, body      (MessagePack, the body in zlib)

Where devices run the first layers in plain, the *front*, the head holds its SHA-256 too, and a
device's file has the front in the body's place. Workers' files never hold it.
"""

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import Parameters
from common.errors import FrameError, PlanError
from common.plan.features import features
from common.plan.layers import Layer
from common.plan.network import frames_to_values
from common.plan.stage import Stage, Vector
from common.structs import learn

#: The bytes that a plan's file begins with.
MAGIC = b"BSPLAN2\0"
#: The form of the head's size, in bytes, which follows them.
SIZE = struct.Struct("<I")
#: Bytes of the largest body, inflated; as plaintexts its weights would take many gigabytes. Without this bound a file
#: of a megabyte could fill a gigabyte of memory.
MOST_BODY_BYTES = 1 << 29


class PlanHead(msgspec.Struct, frozen=True, eq=False):
    """The public part of a plan.

    A ciphertext holds `frames_per_ciphertext` frames, K; slot s of frame f is its slot s · K + f.
    `input_layout[c, s]` is the input element (channel, row, column, flattened) in slot s of
    ciphertext c, `output_layout[c, s]` the label to whose score that slot adds; -1 means none.
    `rotations` maps each rotation step of a ciphertext to the highest level at which it is used.
    `for_sealing`: the plan leaves room for the noise of encrypted weights. `sealed_for` is the
    fingerprint of the key set under which they are encrypted, None as long as they aren't.
    Input elements are features where there is a front. The front itself is no part of the head's bytes.
    `whole_input`: the input isn't folded although it could be (`folds`), which would take another key, and has noise.
    """

    model: str
    labels: tuple[str, ...]
    frame_shape: tuple[int, int, int]
    frames_per_ciphertext: Annotated[int, msgspec.Meta(ge=1)]
    parameters: Parameters
    input_layout: Vector
    input_scale: float
    output_layout: Vector
    output_scale: float
    output_factor: float
    rotations: dict[int, int]
    relinearisation_level: int | None
    error_bound: float
    body_sha256: str
    for_sealing: bool = False
    sealed_for: str | None = None
    front_sha256: str | None = None
    front: tuple[Layer, ...] = ()
    whole_input: bool = False

    def __repr__(self) -> str:
        """Short: the layouts would fill pages."""
        return f"<PlanHead {self.hash[:12]} of {self.model}>"

    @property
    def input_ciphertexts(self) -> int:
        """Ciphertexts that hold the input together."""
        return len(self.input_layout)

    @property
    def output_ciphertexts(self) -> int:
        """Ciphertexts that hold the scores together."""
        return len(self.output_layout)

    @property
    def folds(self) -> bool:
        """Whether the input's ciphertexts may be folded: the layout repeats after half of the slots."""
        return not self.whole_input and repeats(self.input_layout)

    @property
    def folding_rotations(self) -> dict[int, int]:
        """`rotations`, and the one that unfolds a fresh ciphertext if the plan folds: all that such bursts take."""
        if not self.folds:
            return self.rotations
        return dict(sorted({**self.rotations, self.parameters.half_turn: self.parameters.levels}.items()))

    def lay_out(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Slot values (ciphertexts, slots) of up to K frames (n, h, w, c) uint8.

        Raises `FrameError` when they don't fit. Where there are fewer than K, slots stay zero.
        """
        if not 1 <= len(frames) <= self.frames_per_ciphertext:
            raise FrameError(f"there are {len(frames)} frames; a ciphertext takes 1 to {self.frames_per_ciphertext}")
        slots = np.zeros((*self.input_layout.shape, self.frames_per_ciphertext))
        slots[..., : len(frames)] = np.moveaxis(self.frame_slots(frames), 0, 2)
        return slots.reshape(self.input_ciphertexts, -1)

    def frame_slots(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Each frame's own slots (n, ciphertexts, slots of a frame). Raises `FrameError` when frames don't fit."""
        gathered = self.input_values(frames)[:, self.input_layout]
        return np.where(self.input_layout >= 0, gathered, 0.0)

    def input_values(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Frames as the layout takes them, behind the front, shape (n, elements).

        Raises `FrameError` when frames don't fit, and `PlanError` when the front isn't here.
        """
        self.check_front()
        return features(self.front, frames_to_values(frames, self.frame_shape))

    def check_front(self) -> None:
        """Raise `PlanError` where devices are to run a front and it isn't here."""
        if self.front_sha256 is not None and not self.front:
            raise PlanError(
                f"plan {self.hash[:12]} of {self.model} has layers that the device runs before it encrypts, and they "
                "aren't in the workers' plan file; give the .head file that model compile wrote beside it"
            )

    def read_scores(self, slots: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores, shape (K, labels), in decrypted slots (ciphertexts, slots)."""
        by_frame = slots.reshape(*self.output_layout.shape, self.frames_per_ciphertext)
        return sum_scores(self.output_layout, np.moveaxis(by_frame, 2, 0), len(self.labels)) * self.output_factor

    def encode(self) -> bytes:
        """The head's bytes, over which the plan's hash is taken."""
        return msgspec.msgpack.encode(_fields(msgspec.structs.replace(self, front=())), enc_hook=_array_to_bytes)

    def save(self, path: Path | str) -> None:
        """Write the file that devices need: the head, and the weights of the front."""
        front = zlib.compress(encode_front(self.front)) if self.front else b""
        Path(path).write_bytes(_join(self.encode(), front))

    @property
    def hash(self) -> str:
        """SHA-256 of the head, hexadecimal: the name under which a plan is asked for."""
        return hashlib.sha256(self.encode()).hexdigest()


class Plan(msgspec.Struct, frozen=True, eq=False):
    """A head and the stages of its body."""

    head: PlanHead
    stages: tuple[Stage, ...]

    def __repr__(self) -> str:
        """Short: the weights would fill pages."""
        return f"<Plan {self.head.hash[:12]} of {self.head.model}>"

    @property
    def rotations(self) -> int:
        """Rotations that one evaluation performs."""
        return sum(stage.rotations for stage in self.stages)

    @property
    def chained(self) -> bool:
        """Whether rotations are made one from the other, for few keys."""
        return any(stage.chained for stage in self.stages)

    def save(self, path: Path | str) -> None:
        """Write the plan's file. Raises `PlanError` for a plan that is too large to be read again."""
        body = encode_stages(self.stages)
        if len(body) > MOST_BODY_BYTES:
            raise PlanError(
                f"the plan's weights take {len(body):,} bytes; at most {MOST_BODY_BYTES:,} are read. Use fewer "
                "channels, larger strides or narrower dense layers"
            )
        Path(path).write_bytes(_join(self.head.encode(), zlib.compress(body)))

    def save_head(self, path: Path | str) -> None:
        """Write the file that devices need: the plan without its weights, but for those of the front."""
        self.head.save(path)


learn(PlanHead)


def repeats(layout: Vector) -> bool:
    """Whether both halves of the slots of each ciphertext hold the same elements, in a layout (ciphertexts, slots)."""
    half = layout.shape[1] // 2
    return np.array_equal(layout[:, :half], layout[:, half:])


def sum_scores(layout: Vector, slots: NDArray[np.float64], labels: int) -> NDArray[np.float64]:
    """Scores (frames, labels): the sums of those slots (frames, ciphertexts, slots) that `layout` gives each label."""
    used = layout >= 0
    sums = np.zeros((labels, len(slots)))
    np.add.at(sums, layout[used], slots[:, used].T)
    return sums.T


def encode_stages(stages: tuple[Stage, ...]) -> bytes:
    """The body's bytes."""
    return msgspec.msgpack.encode([_fields(stage) for stage in stages], enc_hook=_array_to_bytes)


def encode_front(front: tuple[Layer, ...]) -> bytes:
    """The front's bytes."""
    return msgspec.msgpack.encode(front, enc_hook=_array_to_bytes)


def _join(head: bytes, body: bytes) -> bytes:
    return MAGIC + SIZE.pack(len(head)) + head + body


def _fields(part: PlanHead | Stage) -> dict[str, object]:
    """All fields but those at their defaults, so that a plan keeps its hash when fields are added.

    (`omit_defaults` would write the same map with a longer header, made for all fields.)
    """
    defaults = dict(zip(reversed(part.__struct_fields__), reversed(part.__struct_defaults__), strict=False))
    values = {name: getattr(part, name) for name in part.__struct_fields__}
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _array_to_bytes(value: object) -> tuple[str, tuple[int, ...], bytes]:
    if not isinstance(value, np.ndarray):
        raise TypeError(type(value))
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return little.dtype.str, little.shape, little.tobytes()
