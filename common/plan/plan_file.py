"""Plans and heads from their files, checked against their hashes and in themselves; `common.plan.plan` writes them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from common.errors import InsecureError, NetworkError, ParameterError, PlanError
from common.files import inflate, read_file
from common.plan.layers import Layer
from common.plan.plan import MAGIC, MOST_BODY_BYTES, SIZE, Plan, PlanHead
from common.plan.plan_check import check_features, check_head, check_stages
from common.plan.shapes import output_shape
from common.plan.stage import Stage, Vector

_Part = TypeVar("_Part")
#: Bytes of the largest file: a body that zlib can't make smaller, and a head.
_MOST_FILE_BYTES = 2 * MOST_BODY_BYTES
#: The types that the numbers of an array may have.
_TYPES = ("<i2", "<i4", "<f4", "<f8")
#: The most dimensions of an array: those of a convolution's weights.
_MOST_DIMENSIONS = 4
#: Numbers along the largest dimension of an array.
_LARGEST_DIMENSION = 2**31


def load_head(path: Path) -> PlanHead:
    """Read the head of a plan file or of a head file, which alone brings the front. Raises `PlanError`."""
    head_bytes, rest = _read(path)
    head = decode_head(path, head_bytes)
    if head.front_sha256 is None or not rest:
        return head
    data = _decompress(path, rest)
    digest = hashlib.sha256(data).hexdigest()
    if digest == head.body_sha256:
        return head
    if digest != head.front_sha256:
        raise PlanError(f"{path} has a wrong hash: its head promises another front. Copy it again")
    front = _decode(path, "front", data, tuple[Layer, ...])
    _consistent(path, lambda: check_features(head, _features(head, front)))
    return msgspec.structs.replace(head, front=front)


def load_plan(path: Path) -> Plan:
    """Read a whole plan, without a front. Raises `PlanError` when bytes are missing, altered or not a plan."""
    head_bytes, rest = _read(path)
    head = decode_head(path, head_bytes)
    body = _decompress(path, rest) if rest else bytearray()
    digest = hashlib.sha256(body).hexdigest()
    if not body or digest == head.front_sha256:
        raise PlanError(f"{path} is only the head of a plan; workers need the whole file (model compile writes it)")
    if digest != head.body_sha256:
        raise PlanError(
            f"{path} has a wrong hash: its body is {digest[:12]}…, its head promises {head.body_sha256[:12]}…. "
            "The file is damaged or was altered; copy it again, or run: blindsight model compile"
        )
    if head.sealed_for is not None:
        raise PlanError(f"{path} says that it is sealed, and isn't a sealed plan; make one with: blindsight model seal")
    return Plan(head, decode_stages(path, head, body))


def decode_stages(path: Path, head: PlanHead, data: bytes | bytearray) -> tuple[Stage, ...]:
    """Stages from the body's bytes; `path` is for the message of the `PlanError` raised when they can't be used."""
    stages = _decode(path, "body", data, tuple[Stage, ...])
    _consistent(path, lambda: check_stages(head, stages))
    return stages


def decode_head(path: Path, data: bytes) -> PlanHead:
    """A head from its bytes; `path` is for the message of the `PlanError` raised when it can't be used."""
    head = _decode(path, "head", data, PlanHead)
    if head.front:
        raise PlanError(f"{path}: the head can't be read (its front isn't where it belongs)")
    _consistent(path, lambda: check_head(head))
    return head


def _features(head: PlanHead, front: tuple[Layer, ...]) -> int:
    height, width, channels = head.frame_shape
    try:
        return int(np.prod(output_shape(front, (channels, height, width))))
    except NetworkError as error:
        raise PlanError(f"front: {error}") from error


def _consistent(path: Path, check: Callable[[], None]) -> None:
    try:
        check()
    except PlanError as error:
        raise PlanError(
            f"{path} can't be evaluated ({error}): it is damaged, or made by another program. Copy it again, or run: "
            "blindsight model compile"
        ) from error


def _read(path: Path) -> tuple[bytes, bytes]:
    try:
        data = read_file(path, _MOST_FILE_BYTES)
    except OSError as error:
        raise PlanError(f"can't read the plan {path}: {error.strerror}") from error
    start = len(MAGIC) + SIZE.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise PlanError(f"{path} isn't a plan file; make one with: blindsight model compile")
    (size,) = SIZE.unpack_from(data, len(MAGIC))
    if len(data) < start + size:
        raise PlanError(f"{path} is cut off after {len(data)} bytes; copy it again")
    return data[start : start + size], data[start + size :]


def _decompress(path: Path, data: bytes) -> bytearray:
    try:
        return inflate(data, MOST_BODY_BYTES)
    except ValueError as error:
        raise PlanError(f"{path} is damaged ({error}); copy it again") from error


def _decode(path: Path, part: str, data: bytes | bytearray, kind: type[_Part]) -> _Part:
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_bytes_to_array)
    except InsecureError as error:
        raise PlanError(
            f"{path} was compiled by an earlier version, within a weaker bound: {error}. Compile the model again, "
            "with: blindsight model compile; and give the new head to devices and console, which need key sets for it"
        ) from error
    except (msgspec.DecodeError, ParameterError, ValueError, RecursionError) as error:
        raise PlanError(f"{path}: the {part} can't be read ({error})") from error


def _bytes_to_array(_: type, value: Any) -> Vector:
    match value:
        case [str(dtype), [*shape], bytes(data)] if dtype in _TYPES and len(shape) <= _MOST_DIMENSIONS:
            if all(type(size) is int and 0 <= size < _LARGEST_DIMENSION for size in shape):
                return np.frombuffer(data, dtype=dtype).reshape(shape)
    raise ValueError("an array isn't one of a plan")
