"""Plans: their heads and bodies apart, since a hash keeps most mutations of a whole file from being read."""

import hashlib
import mmap
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from common.ckks.ciphertext import encode_ciphertexts
from common.ckks.fhe import Context
from common.plan.costs import shipped_costs
from common.plan.plan import Plan, PlanHead, encode_front, encode_stages
from common.plan.plan_file import decode_head, decode_stages, load_head, load_plan
from common.plan.predictions import plan_ms, upload_bytes, weight_bytes
from common.plan.sealed import SealedPlan, ciphertext_count, open_sealed, seal
from compiler.compile import compile_network
from compiler.simulator import simulate
from models.catalogue import plan_path
from tests.encrypted import evaluation_keys
from tests.engines import ENGINES
from tests.fuzz.target import Target, as_file, scratch
from tests.networks import joining_network, random_frames, small_network

_SIZE = struct.Struct("<I")
_PATH = Path("fuzzed.plan")


@cache
def plan(sealed: bool = False, small: bool = False) -> Plan:
    """A small network's."""
    return compile_network(small_network(), random_frames(small_network(), 10), sealed=sealed, small=small)


@cache
def _split_plan() -> Plan:
    return compile_network(small_network(), random_frames(small_network(), 10), encrypt_from=3)


def use_head(head: PlanHead) -> None:
    """Do with a head what a device does, but for encryption."""
    upload_bytes(head)
    frames = np.zeros((1, *head.frame_shape), np.uint8)
    slots = head.lay_out(frames)
    assert slots.shape == (head.input_ciphertexts, head.parameters.slots)
    head.read_scores(np.zeros((head.output_ciphertexts, head.parameters.slots)))


def use_plan(loaded: Plan) -> None:
    """Do with a plan what a worker does: whatever was loaded can be evaluated, without any error."""
    plan_ms(loaded, shipped_costs()), weight_bytes(loaded)
    simulate(loaded, np.zeros((1, *loaded.head.frame_shape), np.uint8))
    if loaded.head.parameters == plan().head.parameters:
        context = _context(tuple(loaded.head.rotations))
        given = [
            context.encrypt(np.zeros(loaded.head.parameters.slots) + 0.5, loaded.head.input_scale)
            for _ in range(loaded.head.input_ciphertexts)
        ]
        burst, keys = encode_ciphertexts(context, given), evaluation_keys(loaded, context)
        for engine in ENGINES:
            engine.prepare(loaded).evaluate(engine.load_keys(keys), burst)


@cache
def _context(rotations: Sequence[int]) -> Context:
    context = Context(plan().head.parameters)
    context.generate_keys(rotations)
    return context


def joined(head: PlanHead, stages: bytes) -> bytes:
    """A plan for the target "plan_body": both parts, without hash or zlib."""
    encoded = head.encode()
    return _SIZE.pack(len(encoded)) + encoded + stages


def _part(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:4], "little")
    return data[4 : 4 + size], data[4 + size :]


def _read_body(data: bytes) -> None:
    """Write a plan whose head promises whatever body there is, and load it."""
    head_bytes, body = _part(data)
    head = replace(decode_head(_PATH, head_bytes), body_sha256=hashlib.sha256(body).hexdigest())
    path = scratch() / "x.plan"
    encoded = head.encode()
    path.write_bytes(b"BSPLAN2\0" + _SIZE.pack(len(encoded)) + encoded + zlib.compress(body, 1))
    use_plan(load_plan(path))


def _read_front(data: bytes) -> None:
    head = replace(_split_plan().head, front_sha256=hashlib.sha256(data).hexdigest(), front=()).encode()
    path = scratch() / "x.head"
    path.write_bytes(b"BSPLAN2\0" + _SIZE.pack(len(head)) + head + zlib.compress(data, 1))
    use_head(load_head(path))


def _read_sealed(path: Path) -> None:
    sealed = open_sealed(path)
    for number in range(len(sealed.places)):
        sealed.residues(number)
    _prepare(sealed)


def _read_sealed_body(data: bytes) -> None:
    """The structure of a sealed plan, whatever its hash; its ciphertexts aren't read."""
    head_bytes, body = _part(data)
    head = decode_head(_PATH, head_bytes)
    made = Plan(head, decode_stages(_PATH, head, body))
    if head.sealed_for is not None:
        digests = np.zeros((ciphertext_count(made), 32), np.uint8)
        _prepare(SealedPlan(made, digests, mmap.mmap(-1, 1), 0))


def _prepare(sealed: SealedPlan) -> None:
    for engine in ENGINES:
        engine.prepare(sealed)


def _sealed_seed() -> bytes:
    bare = [replace(stage, vectors=stage.vectors[:0], bias=stage.bias[:, :0]) for stage in plan(sealed=True).stages]
    return joined(replace(plan(sealed=True).head, sealed_for="ab" * 32), encode_stages(tuple(bare)))


def _sealed_file() -> bytes:
    context = Context(plan(sealed=True).head.parameters)
    context.generate_keys([1])
    seal(plan(sealed=True), context, "ab" * 32, scratch() / "seed.sealed", lambda _: None)
    return (scratch() / "seed.sealed").read_bytes()


def _saved(made: Plan, head: bool = False) -> bytes:
    path = scratch() / "seed.plan"
    (made.save_head if head else made.save)(path)
    return path.read_bytes()


TARGETS = (
    Target(
        "plan_head",
        lambda: [plan().head.encode(), load_head(plan_path("digits", 128)).encode(), plan(sealed=True).head.encode()],
        lambda data: use_head(decode_head(_PATH, data)),
        "msgpack",
    ),
    Target(
        "plan_body",
        lambda: [joined(one.head, encode_stages(one.stages)) for one in (plan(), plan(small=True))],
        _read_body,
        "plan",
    ),
    Target(
        "plan_front",
        lambda: [encode_front(front) for front in (_split_plan().head.front, joining_network().layers[:3])],
        _read_front,
        "msgpack",
    ),
    Target("plan_file", lambda: [_saved(plan()), _saved(_split_plan())], as_file("y.plan", load_plan)),
    Target(
        "head_file", lambda: [_saved(plan(), head=True), _saved(_split_plan(), head=True)], as_file("y.head", load_head)
    ),
    Target("sealed_body", lambda: [_sealed_seed()], _read_sealed_body, "plan"),
    Target("sealed_plan", lambda: [_sealed_file()], as_file("y.sealed", _read_sealed)),
)
