"""Network → plan: fold, lay out, make diagonals, choose the modulus chain, collect the keys.

The search is small: per stage the few transforms that `common.transform` knows, kept in a
beam of the cheapest sequences, then the shortest modulus chain that meets the error budget.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common import fhe
from common.chain import Chain, shortest_chain
from common.costs import stage_ms
from common.errors import CapacityError, FrameError, NetworkError
from common.folding import Affine, fold, normalise
from common.layers import Array
from common.layout import Layout, input_layouts
from common.network import Network
from common.parameters import MAX_PRIME_BITS, Parameters, max_modulus_bits
from common.plan import Plan, PlanHead, Stage, encode_stages
from common.precision import ErrorModel
from common.transform import MOST_DIAGONALS, Transform, transforms

#: Largest error that a score may have, six sigma, relative to the largest score in calibration.
ERROR_BUDGET = 2.0**-6
_RINGS = (4096, 8192, 16384, 32768)
_BEAM = 4
#: A frame may give slots of this many bits more than the most extreme frame before they overflow.
_HEADROOM_BITS = 2
#: Frames, from all over the calibration, on which the error is predicted.
_ERROR_FRAMES = 16


@dataclass(frozen=True)
class _Candidate:
    """A sequence of transforms from the input layout on, and its predicted time."""

    input: Layout
    transforms: tuple[Transform, ...] = ()
    ms: float = 0.0

    @property
    def layout(self) -> Layout:
        return self.transforms[-1].output if self.transforms else self.input


def compile_network(
    network: Network,
    calibration: NDArray[np.uint8],
    security_bits: int = 128,
    error_budget: float = ERROR_BUDGET,
) -> Plan:
    """Compile a network into the cheapest plan found.

    `calibration` are frames (n, h, w[, c]) uint8 as the cameras give them; the sizes of all
    intermediate values are learned from them. Room is left for the most extreme frames: black,
    white, checks, noise.

    Raises `NetworkError` for a network that can't be compiled, `CapacityError` for one that
    needs more slots or levels than the largest secure ring offers, and `FrameError` for
    calibration frames that don't fit.
    """
    if not len(calibration):
        raise FrameError("there are no frames to calibrate on; at least one is needed, dozens are better")
    inputs = network.input_values(calibration).reshape(len(calibration), -1)
    stages, factor = normalise(fold(network), inputs)
    _refuse_constant(stages)
    needed = max(max(stage.matrix.shape) for stage in stages)
    extended = np.concatenate([inputs, _extreme_inputs(network)])
    is_laid_out = False
    for dimension in _RINGS:
        candidate = _cheapest(stages, dimension) if needed <= dimension // 2 else None
        if candidate is None:
            continue
        is_laid_out = True
        peak_bits = math.ceil(math.log2(_last_slot_peak(stages, candidate, extended))) + _HEADROOM_BITS
        model = ErrorModel(stages, candidate.transforms, inputs[:: -(-len(inputs) // _ERROR_FRAMES)], dimension)
        max_bits = max_modulus_bits(security_bits, dimension)
        chain = shortest_chain(model.least_weight_bits, peak_bits, max_bits, model.bound, error_budget)
        if chain is not None:
            parameters = Parameters(security_bits, dimension, chain.prime_bits)
            return _build(network, stages, candidate, parameters, chain, factor, model.bound(chain))
    raise CapacityError(_reason(needed, is_laid_out, len(stages) - 1, security_bits, error_budget))


def _reason(needed: int, is_laid_out: bool, rescalings: int, security_bits: int, error_budget: float) -> str:
    """Why no ring serves a network, and what to change."""
    if is_laid_out:
        return (
            f"{rescalings} rescalings at {security_bits}-bit security leave an error above {error_budget:.1%} of the "
            "largest score in every ring. Use fewer layers, or normalise activations, so that less error is amplified"
        )
    if needed > _RINGS[-1] // 2:
        return (
            f"the network needs {needed} slots; one ciphertext of the largest ring ({_RINGS[-1]}) has "
            f"{_RINGS[-1] // 2}. Use smaller frames, fewer channels or larger strides"
        )
    return (
        f"a linear stage has over {MOST_DIAGONALS} diagonals in every ring. "
        "Use fewer channels, larger strides or narrower dense layers"
    )


def _extreme_inputs(network: Network) -> Array:
    """Frames as extreme as a camera can give: black, white, checks, halves, noise; (n, in)."""
    height, width, channels = network.frame_shape
    rows, columns = np.indices((height, width))
    checks = [(rows // size + columns // size) % 2 for size in (1, 2, 4, 8)]
    patterns = np.array([np.zeros_like(rows), *checks, rows < height // 2, columns < width // 2])
    both = np.repeat(np.concatenate([patterns, 1 - patterns])[..., None], channels, axis=3)
    noise = np.random.default_rng(0).integers(0, 2, (32, *network.frame_shape))
    values = network.input_values((np.concatenate([both, noise]) * 255).astype(np.uint8))
    return values.reshape(len(values), -1)


def _refuse_constant(stages: Sequence[Affine]) -> None:
    for index, stage in enumerate(stages):
        if not stage.matrix.any():
            raise NetworkError(f"linear stage {index} has only zero weights: its output doesn't depend on the frame")


def _cheapest(stages: Sequence[Affine], dimension: int) -> _Candidate | None:
    beam = [_Candidate(layout) for layout in input_layouts(stages[0], dimension // 2)]
    for index, stage in enumerate(stages):
        level = len(stages) - 1 - index
        grown = [
            _Candidate(
                candidate.input,
                (*candidate.transforms, transform),
                candidate.ms + stage_ms(len(transform.rotations), transform.products, dimension, level),
            )
            for candidate in beam
            for transform in transforms(stage, candidate.layout, last=level == 0)
        ]
        beam = sorted(grown, key=lambda candidate: candidate.ms)[:_BEAM]
    return beam[0] if beam else None


def _last_slot_peak(stages: Sequence[Affine], candidate: _Candidate, inputs: Array) -> float:
    """Largest size of a slot of the last stage, whose outputs may be left as partial sums."""
    x = inputs
    for stage in stages[:-1]:  # extreme frames may grow with every square; no chain has room for 2**60
        x = np.minimum(np.square(stage(x)), 2.0**MAX_PRIME_BITS)
    *others, last = candidate.transforms
    elements = (others[-1].output if others else candidate.input).elements
    bias = _bias(stages[-1], last)
    return max(1.0, *(float(np.abs(last.apply(np.where(elements >= 0, row[elements], 0.0)) + bias).max()) for row in x))


def _build(
    network: Network,
    stages: Sequence[Affine],
    candidate: _Candidate,
    parameters: Parameters,
    chain: Chain,
    factor: float,
    error_bound: float,
) -> Plan:
    primes = fhe.moduli(parameters).primes
    input_scale = scale = 2.0 ** chain.scale_bits[0]
    built: list[Stage] = []
    for index, (stage, transform) in enumerate(zip(stages, candidate.transforms, strict=True)):
        level = len(stages) - 1 - index
        weight_scale = 2.0 ** chain.weight_bits[index]
        built.append(_build_stage(stage, transform, level, scale, weight_scale))
        scale *= weight_scale
        if level:
            scale = scale * scale / primes[level]
    body = tuple(built)
    output = candidate.transforms[-1].output
    head = PlanHead(
        model=network.name,
        labels=network.labels,
        frame_shape=network.frame_shape,
        parameters=parameters,
        input_layout=candidate.input.elements.astype(np.int32),
        input_scale=input_scale,
        output_layout=output.elements.astype(np.int32),
        output_scale=scale,
        output_factor=factor,
        rotations=_rotation_levels(body),
        relinearisation_level=len(stages) - 1 if len(stages) > 1 else None,
        error_bound=error_bound * factor,
        body_sha256=hashlib.sha256(encode_stages(body)).hexdigest(),
    )
    return Plan(head, body)


def _build_stage(stage: Affine, transform: Transform, level: int, scale: float, weight_scale: float) -> Stage:
    terms: list[tuple[int, int, int]] = []
    vectors: list[NDArray[np.float32]] = []
    for giant, babies in sorted(transform.terms.items()):
        for baby, vector in sorted(babies.items()):
            terms.append((giant, baby, len(vectors)))
            vectors.append(vector.astype(np.float32))
    bias = _bias(stage, transform)
    return Stage(level, scale, weight_scale, tuple(terms), np.stack(vectors), transform.folds, bias, level > 0)


def _bias(stage: Affine, transform: Transform) -> Array:
    """The bias by slots; where an output is the sum of its slots, in the first of them."""
    output = transform.output
    elements = output.first_copies() if transform.partial else output.elements
    return np.where(elements >= 0, stage.bias[elements], 0.0)


def _rotation_levels(stages: Sequence[Stage]) -> dict[int, int]:
    levels: dict[int, int] = {}
    for stage in stages:
        for giant, baby, _ in stage.terms:
            for step in (giant, baby):
                if step:
                    levels[step] = max(levels.get(step, 0), stage.level)
        for step in stage.folds:
            levels[step] = max(levels.get(step, 0), stage.level)
    return dict(sorted(levels.items()))
