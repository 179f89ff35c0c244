"""Plans and heads from their files, checked against their hashes; `common.plan` writes them."""

import hashlib
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from common.errors import ParameterError, PlanError
from common.layers import Layer
from common.plan import MAGIC, SIZE, Plan, PlanHead, Stage, Vector

_Part = TypeVar("_Part")


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
    return msgspec.structs.replace(head, front=_decode(path, "front", data, tuple[Layer, ...]))


def load_plan(path: Path) -> Plan:
    """Read a whole plan, without a front. Raises `PlanError` when bytes are missing, altered or not a plan."""
    head_bytes, rest = _read(path)
    head = decode_head(path, head_bytes)
    body = _decompress(path, rest) if rest else b""
    digest = hashlib.sha256(body).hexdigest()
    if not body or digest == head.front_sha256:
        raise PlanError(f"{path} is only the head of a plan; workers need the whole file (model compile writes it)")
    if digest != head.body_sha256:
        raise PlanError(
            f"{path} has a wrong hash: its body is {digest[:12]}…, its head promises {head.body_sha256[:12]}…. "
            "The file is damaged or was altered; copy it again, or run: blindsight model compile"
        )
    return Plan(head, decode_stages(path, body))


def decode_stages(path: Path, data: bytes) -> tuple[Stage, ...]:
    """Stages from the body's bytes; `path` is for the message of the `PlanError` raised when they can't be read."""
    return _decode(path, "body", data, tuple[Stage, ...])


def decode_head(path: Path, data: bytes) -> PlanHead:
    """A head from its bytes; `path` is for the message of the `PlanError` raised when it can't be read."""
    head = _decode(path, "head", data, PlanHead)
    if head.front:
        raise PlanError(f"{path}: the head can't be read (its front isn't where it belongs)")
    return head


def _read(path: Path) -> tuple[bytes, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PlanError(f"can't read the plan {path}: {error.strerror}") from error
    start = len(MAGIC) + SIZE.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise PlanError(f"{path} isn't a plan file; make one with: blindsight model compile")
    (size,) = SIZE.unpack_from(data, len(MAGIC))
    if len(data) < start + size:
        raise PlanError(f"{path} is cut off after {len(data)} bytes; copy it again")
    return data[start : start + size], data[start + size :]


def _decompress(path: Path, data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise PlanError(f"{path} is damaged ({error}); copy it again") from error


def _decode(path: Path, part: str, data: bytes, kind: type[_Part]) -> _Part:
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_bytes_to_array)
    except (msgspec.DecodeError, ParameterError, ValueError) as error:
        raise PlanError(f"{path}: the {part} can't be read ({error})") from error


def _bytes_to_array(_: type, value: Any) -> Vector:
    dtype, shape, data = value
    if dtype not in ("<i2", "<i4", "<f4", "<f8"):
        raise ValueError(f"arrays of type {dtype!r} have no place in a plan")
    return np.frombuffer(data, dtype=dtype).reshape(shape)
