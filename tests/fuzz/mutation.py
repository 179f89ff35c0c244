"""Wrong bytes from right ones: flipped, cut, joined, or with one value of their structure replaced."""

import json
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from tests.fuzz import containers, protobuf

#: Numbers at which sizes, signs and types end.
_NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    1000,
    65535,
    65536,
    2**24,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    -(2**63),
)
_FLOATS = (0.0, -1.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 0.5)
_TEXTS = ("", "a", "\0", "../../etc/passwd", "x" * 300, "🙂", "[" * 2000, "1e999", "null")
_WORDS = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\n",
    b'"',
    b"[" * 2000,
    b"\x91" * 2000,
    b"\xdd\xff\xff\xff\xff",
    b"\xff" * 8,
)


def mutate(rng: random.Random, seeds: Sequence[bytes], structure: str) -> bytes:
    """One input out of seeds; which one follows from `rng` alone."""
    data = rng.choice(seeds)
    if structure and rng.random() < 0.7:
        try:
            data = _STRUCTURES[structure](rng, data)
        except (ValueError, RecursionError, LookupError, zipfile.BadZipFile, sqlite3.Error, DecodeError):
            pass  # a seed that isn't whole, as those that failed once
        else:
            return data
    return _bytes(rng, data, seeds)


def _bytes(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        data = rng.choice(_BYTES)(rng, data, seeds)
    return data


def _flip(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return _put(data, (at := _place(rng, data)), bytes([data[at] ^ 1 << rng.randrange(8)])) if data else data


def _word(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return _put(data, _place(rng, data), rng.choice(_WORDS))


def _number(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    form, size = rng.choice((("B", 8), ("<H", 16), (">H", 16), ("<I", 32), (">I", 32), ("<Q", 64), (">Q", 64)))
    return _put(data, _place(rng, data), struct.pack(form, rng.choice(_NUMBERS) % 2**size))


def _insert(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.choice((rng.choice(_WORDS), rng.randbytes(rng.randrange(1, 20)))) + data[at:]


def _cut(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 4, 16, 256, len(data))) :]


def _repeat(rng: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at, size = _place(rng, data), rng.choice((1, 8, 64, 512))
    return data[:at] + data[at : at + size] * rng.choice((2, 3, 50)) + data[at + size :]


def _splice(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    return data[: _place(rng, data)] + other[_place(rng, other) :]


_BYTES = (_flip, _flip, _word, _number, _number, _insert, _cut, _repeat, _splice)


def _place(rng: random.Random, data: bytes) -> int:
    """Somewhere, and often near the start, where headers are."""
    within = min(len(data), rng.choice((16, 128, 1024, len(data) or 1, len(data) or 1)))
    return rng.randrange(within) if within else 0


def _put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _msgpack(rng: random.Random, data: bytes) -> bytes:
    return msgspec.msgpack.encode(_changed(rng, msgspec.msgpack.decode(data, strict=False)))


def _json(rng: random.Random, data: bytes) -> bytes:
    lines = [json.loads(line) for line in data.splitlines()] if data.endswith(b"\n") and data[:1] == b"{" else []
    if not lines:
        return _dumped(_changed(rng, json.loads(data)))
    at = rng.randrange(len(lines))
    lines[at] = _changed(rng, lines[at])
    return b"".join(_dumped(line) + b"\n" for line in lines)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, default=repr).encode()


def _plan(rng: random.Random, data: bytes) -> bytes:
    """Head and body of a plan, of which one changes."""
    size = int.from_bytes(data[:4], "little")
    head, body = data[4 : 4 + size], data[4 + size :]
    if rng.random() < 0.3:
        head = _msgpack(rng, head)
    else:
        body = _msgpack(rng, body)
    return len(head).to_bytes(4, "little") + head + body


def _npz(rng: random.Random, data: bytes) -> bytes:
    return containers.npz(rng, data, lambda content: _bytes(rng, content, [content]))


_STRUCTURES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "msgpack": _msgpack,
    "json": _json,
    "plan": _plan,
    "npz": _npz,
    "onnx": lambda rng, data: protobuf.changed(rng, data, _NUMBERS, _FLOATS),
    "sqlite": containers.sqlite,
}


def _changed(rng: random.Random, value: Any) -> Any:
    """The value with something in it replaced, left out, doubled or nested."""
    if isinstance(value, dict) and value and rng.random() < 0.95:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.05:
            return {name: each for name, each in value.items() if name != key}
        if kind < 0.1:
            return {**value, rng.choice((*_NUMBERS, *_TEXTS)): value[key]}
        return {**value, key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.95:
        at, kind = rng.randrange(len(value)), rng.random()
        if kind < 0.05:
            return value[:at] + value[at + 1 :]
        if kind < 0.1:
            return value[:at] + value[at : at + 1] * rng.choice((2, 3, 200)) + value[at + 1 :]
        if kind < 0.12:
            return _nested(value, rng.choice((3, 500, 2000)))
        return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    return _leaf(rng, value)


def _leaf(rng: random.Random, value: Any) -> Any:
    kind = rng.random()
    if kind < 0.1:
        return rng.choice((None, True, [], {}, "", 0, 1.5, b"", [value], _nested(value, 900)))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((*_NUMBERS, value + 1, value - 1, 2 * value, -value, float(value)))
    if isinstance(value, float):
        return rng.choice((*_FLOATS, value * 2, value * (1 + 2**-40), -value, value + 1))
    if isinstance(value, str):
        return rng.choice((*_TEXTS, value + "x", value[:-1], value * 2))
    if isinstance(value, bytes):
        return _array_bytes(rng, value)
    return value


def _array_bytes(rng: random.Random, data: bytes) -> bytes:
    """An array's bytes with a number in it replaced, or another length."""
    if rng.random() < 0.1 or not data:
        return data + b"\0" * rng.choice((1, 4, 8))
    width = rng.choice((1, 4, 4, 8))
    at = rng.randrange(max(1, len(data) // width)) * width
    number = rng.choice(_NUMBERS) if rng.random() < 0.8 else rng.randrange(20)
    new = struct.pack("<d", rng.choice(_FLOATS)) if rng.random() < 0.2 else (number % 2**64).to_bytes(8, "little")
    return _put(data, at, new[:width])[: max(len(data), 1)]


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value
