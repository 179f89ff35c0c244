"""Small plans for `blindsight calibrate`, each of which consists of other rows for the most part."""

import hashlib
import mmap
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from common.ckks.ciphertext import encode_ciphertexts
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters, max_modulus_bits
from common.keys.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys
from common.plan.plan import Plan, PlanHead
from common.plan.sealed import SealedPlan, ciphertext_count
from common.plan.stage import Stage

#: The security level, in bits, that decides how long a modulus each ring dimension has.
_SECURITY = 128
#: Bits of each prime where the modulus has room for three: transforms modulo shorter ones may be faster.
_PRIME_BITS = 53
#: Primes of the moduli that are measured: times are fitted to rows, so those of other moduli follow.
_FEWEST_PRIMES, _MOST_PRIMES = 3, 6
#: Scales of inputs and of weights. Only the time matters, so there need be no precision.
_SCALE = 2.0**16
#: Words of a row times the weights of the plans of products, which don't stay in the processor's cache, as in a plan.
_WORDS = 1 << 21
#: The fingerprint of a key set and the SHA-256 of a body that there aren't.
_NONE = "0" * 64
#: Steps of the rotations, in slots; all take the same time.
_STEPS = tuple(range(1, 9))


@dataclass(frozen=True)
class Sample:
    """A plan that can be evaluated: itself, or sealed; evaluation keys and a burst, as they come from the wire."""

    plan: Plan
    served: Plan | SealedPlan
    keys: bytes
    burst: bytes


@dataclass(frozen=True)
class _Shape:
    """Ciphertexts of the input, targets, steps of babies and giants (slots), and how often each product is made."""

    sources: int = 1
    targets: int = 1
    babies: Sequence[int] = (0,)
    giants: Sequence[int] = (0,)
    times: int = 1
    square: bool = False
    sealed: bool = False


def samples(dimension: int) -> list[Sample]:
    """Sample plans in a ring, with long and with short moduli."""
    most, many = max_modulus_bits(_SECURITY, dimension), _WORDS // dimension
    longest = max(min(most // _PRIME_BITS, _MOST_PRIMES), _FEWEST_PRIMES)
    bits = min(_PRIME_BITS, most // longest)
    shapes = (
        _Shape(sources=8),
        _Shape(sources=4, babies=_STEPS, times=many // (4 * len(_STEPS))),
        _Shape(babies=_STEPS),
        _Shape(giants=_STEPS),
        _Shape(targets=4, square=True),
        _Shape(times=many, sealed=True),
    )
    return [
        sample
        for primes in sorted({_FEWEST_PRIMES, longest})
        for sample in _of_chain(Parameters(_SECURITY, dimension, (bits,) * primes), shapes)
    ]


def _of_chain(parameters: Parameters, shapes: Sequence[_Shape]) -> list[Sample]:
    context, rotations = Context(parameters), dict.fromkeys(_STEPS, parameters.levels)
    context.generate_keys(rotations)
    keys = encode_evaluation_keys(context, EvaluationKeysHeader(_NONE, parameters, parameters.levels, rotations))
    encrypted = context.encrypt(np.linspace(-1, 1, parameters.slots), _SCALE)
    made: list[Sample] = []
    for shape in shapes:
        plan = _plan(parameters, rotations, shape)
        served = _sealed(plan, context.save_ciphertext(encrypted).tobytes()) if shape.sealed else plan
        made.append(Sample(plan, served, keys, encode_ciphertexts(context, [encrypted] * shape.sources)))
    return made


def _plan(parameters: Parameters, rotations: dict[int, int], shape: _Shape) -> Plan:
    """One stage at the highest level. No file has such a plan: scores are at level 0, and no product is there twice."""
    terms = [
        (target, giant, 0, source, baby)
        for target in range(shape.targets)
        for giant in shape.giants
        for _ in range(shape.times)  # so that rotations take turns, as in a plan
        for source in range(shape.sources)
        for baby in shape.babies
    ]
    vectors = np.random.default_rng(0).uniform(0.5, 1, (len(terms), parameters.slots))
    stage = Stage(
        shape=(1, 1, 1),
        level=parameters.levels,
        product_scale=_SCALE * _SCALE,
        weight_scales={0: _SCALE},
        terms=np.array([(*term, row) for row, term in enumerate(terms)], np.int32),
        vectors=vectors.astype(np.float32),
        folds=(),
        bias=np.zeros((shape.targets, parameters.slots)),
        square=shape.square,
        bits_left=0.0,
    )
    layout = np.zeros((1, parameters.slots), np.int32)
    head = PlanHead(
        model="calibration",
        labels=("label",),
        frame_shape=(1, 1, 1),
        frames_per_ciphertext=1,
        parameters=parameters,
        input_layout=np.repeat(layout, shape.sources, axis=0),
        input_scale=_SCALE,
        output_layout=np.repeat(layout, shape.targets, axis=0),
        output_scale=_SCALE * _SCALE,
        output_factor=1.0,
        rotations=rotations,
        relinearisation_level=parameters.levels,
        error_bound=1.0,
        body_sha256=_NONE,
        for_sealing=shape.sealed,
        sealed_for=_NONE if shape.sealed else None,
    )
    return Plan(head, (stage,))


def _sealed(plan: Plan, ciphertext: bytes) -> SealedPlan:
    """The plan, all of whose weights are this ciphertext, at the plan's only level."""
    count = ciphertext_count(plan)
    region = mmap.mmap(-1, count * len(ciphertext))
    for _ in range(count):
        region.write(ciphertext)
    digests = np.tile(np.frombuffer(hashlib.sha256(ciphertext).digest(), np.uint8), (count, 1))
    stages = tuple(msgspec.structs.replace(stage, vectors=stage.vectors[:0]) for stage in plan.stages)
    return SealedPlan(Plan(plan.head, stages), digests, region, 0)
