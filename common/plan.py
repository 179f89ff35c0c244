"""A plan: everything needed to evaluate one network on ciphertexts, as one file with a hash.

The *head* is what a device needs: how a frame is laid out and how scores are read. The *body*
is what a worker needs besides: vectors and rotation steps, stage by stage. The head holds the
body's SHA-256, and the plan's hash is that of the head, so either file names the same plan.

    file = b"BSPLAN1\\0", size of the head u32, head, body      (head and body: MessagePack)
"""

import hashlib
import struct
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import ParameterError, PlanError
from common.network import frames_to_values
from common.parameters import Parameters

_MAGIC = b"BSPLAN1\0"
_SIZE = struct.Struct("<I")

Vector = NDArray[Any]
Step = Annotated[int, msgspec.Meta(ge=0)]


class PlanHead(msgspec.Struct, frozen=True, eq=False):
    """The public part of a plan.

    `input_layout[s]` is the input element (channel, row, column, flattened) in slot s;
    `output_layout[s]` the label to whose score slot s adds; -1 means none. `rotations` maps each
    rotation step to the highest level at which it is used.
    """

    model: str
    labels: tuple[str, ...]
    frame_shape: tuple[int, int, int]
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

    def lay_out(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Slot values of one frame (h, w[, c]) uint8. Raises `FrameError` when it doesn't fit."""
        values = frames_to_values(frame[None], self.frame_shape).reshape(-1)
        slots: NDArray[np.float64] = np.where(self.input_layout >= 0, values[self.input_layout], 0.0)
        return slots

    def read_scores(self, slots: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores, shape (labels,), in decrypted slots."""
        used = self.output_layout >= 0
        labels = self.output_layout[used]
        sums = np.bincount(labels, weights=slots[used], minlength=len(self.labels))
        return np.asarray(sums * self.output_factor, dtype=np.float64)

    def encode(self) -> bytes:
        """The head's bytes, over which the plan's hash is taken."""
        return msgspec.msgpack.encode(self, enc_hook=_array_to_bytes)

    @property
    def hash(self) -> str:
        """SHA-256 of the head, hexadecimal: the name under which a plan is asked for."""
        return hashlib.sha256(self.encode()).hexdigest()


class Stage(msgspec.Struct, frozen=True, eq=False):
    """One linear stage, and the square behind it unless it is the last.

    `terms` are (giant, baby, row of `vectors`); each product is encoded at `weight_scale`.
    """

    level: int
    input_scale: float
    weight_scale: float
    terms: tuple[tuple[Step, Step, int], ...]
    vectors: Vector
    folds: tuple[Step, ...]
    bias: Vector
    square: bool


class Plan(msgspec.Struct, frozen=True, eq=False):
    """A head and the stages of its body."""

    head: PlanHead
    stages: tuple[Stage, ...]

    @property
    def rotations(self) -> int:
        """Rotations that one evaluation performs."""
        return sum(stage_rotations(stage) for stage in self.stages)

    def save(self, path: Path) -> None:
        """Write the plan's file."""
        path.write_bytes(_join(self.head.encode(), encode_stages(self.stages)))

    def save_head(self, path: Path) -> None:
        """Write the file that devices need: the plan without its weights."""
        path.write_bytes(_join(self.head.encode(), b""))


def stage_rotations(stage: Stage) -> int:
    """Rotations of one stage: distinct babies, distinct giants, folds."""
    babies = {baby for _, baby, _ in stage.terms if baby}
    giants = {giant for giant, _, _ in stage.terms if giant}
    return len(babies) + len(giants) + len(stage.folds)


def encode_stages(stages: tuple[Stage, ...]) -> bytes:
    """The body's bytes."""
    return msgspec.msgpack.encode(stages, enc_hook=_array_to_bytes)


def load_head(path: Path) -> PlanHead:
    """Read the head of a plan file or of a head file. Raises `PlanError`."""
    return _decode_head(path, _read(path)[0])


def load_plan(path: Path) -> Plan:
    """Read a whole plan. Raises `PlanError` when bytes are missing, altered or not a plan."""
    head_bytes, body = _read(path)
    head = _decode_head(path, head_bytes)
    if not body:
        raise PlanError(f"{path} is only the head of a plan; workers need the whole file (model compile writes it)")
    digest = hashlib.sha256(body).hexdigest()
    if digest != head.body_sha256:
        raise PlanError(
            f"{path} has a wrong hash: its body is {digest[:12]}…, its head promises {head.body_sha256[:12]}…. "
            "The file is damaged or was altered; copy it again, or run: blindsight model compile"
        )
    try:
        stages = msgspec.msgpack.decode(body, type=tuple[Stage, ...], dec_hook=_bytes_to_array)
    except (msgspec.DecodeError, ValueError) as error:
        raise PlanError(f"{path}: the body can't be read ({error})") from error
    return Plan(head, stages)


def _join(head: bytes, body: bytes) -> bytes:
    return _MAGIC + _SIZE.pack(len(head)) + head + body


def _read(path: Path) -> tuple[bytes, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PlanError(f"can't read the plan {path}: {error.strerror}") from error
    start = len(_MAGIC) + _SIZE.size
    if not data.startswith(_MAGIC) or len(data) < start:
        raise PlanError(f"{path} isn't a plan file; make one with: blindsight model compile")
    (size,) = _SIZE.unpack_from(data, len(_MAGIC))
    if len(data) < start + size:
        raise PlanError(f"{path} is cut off after {len(data)} bytes; copy it again")
    return data[start : start + size], data[start + size :]


def _decode_head(path: Path, data: bytes) -> PlanHead:
    try:
        return msgspec.msgpack.decode(data, type=PlanHead, dec_hook=_bytes_to_array)
    except (msgspec.DecodeError, ParameterError, ValueError) as error:
        raise PlanError(f"{path}: the head can't be read ({error})") from error


def _array_to_bytes(value: object) -> tuple[str, tuple[int, ...], bytes]:
    if not isinstance(value, np.ndarray):
        raise TypeError(type(value))
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return little.dtype.str, little.shape, little.tobytes()


def _bytes_to_array(_: type, value: Any) -> Vector:
    dtype, shape, data = value
    if dtype not in ("<i2", "<i4", "<f4", "<f8"):
        raise ValueError(f"arrays of type {dtype!r} have no place in a plan")
    return np.frombuffer(data, dtype=dtype).reshape(shape)
