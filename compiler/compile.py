"""Network → plan: fold the layers, choose layouts, diagonals and a modulus chain, and collect the rotation keys."""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import RING_DIMENSIONS, Parameters
from common.errors import FrameError, ParameterError
from common.plan.features import features
from common.plan.layers import Array, Layer
from common.plan.network import Network
from common.plan.plan import Plan, PlanHead, encode_front, encode_stages, repeats
from common.plan.plan_check import check_head, check_stages
from common.plan.stage import Stage
from compiler.cut import split
from compiler.modulus.budget import Samples, default_budgets
from compiler.rings import RingChoice, choose_ring
from compiler.stages import Affine, depths, fold, normalise, value_depths, without_zeros


def compile_network(
    network: Network,
    calibration: NDArray[np.uint8],
    security_bits: int = 128,
    error_budget: float | None = None,
    frames_per_ciphertext: int = 1,
    encrypt_from: int = 0,
    sealed: bool = False,
    small: bool = False,
) -> Plan:
    """Compile a network into the cheapest plan found.

    `calibration` are frames (n, h, w[, c]) uint8 as the cameras give them; the sizes of all
    intermediate values are learned from them. Room is left for the most extreme frames: black,
    white, checks, noise. `frames_per_ciphertext`, a power of two, are evaluated together. The layers
    before `encrypt_from` become the plan's front, which devices run in plain.

    `error_budget` bounds the error of a score, relative to the largest score in calibration. By default it is
    the lead that all but a twentieth of the calibration frames' first labels have over the second, at least 2⁻¹⁰
    and at most 2⁻⁶: an error of half the lead in both labels leaves the first label as it was. Where the network
    can't reach that, it is doubled, up to 2⁻⁴.

    `sealed` plans leave room for the noise of encrypted weights (`common.plan.sealed`), and their diagonals don't
    tell which weights are zero. `small` plans make rotations one from the other, for which a fraction of the keys is
    enough; each rotation is then added noise for those behind it, and the engine's shortcuts don't apply.

    Plans depend on the times of operations that ship (`common.plan.costs`), and not on the machine.

    Raises `NetworkError` for a network that can't be compiled or cut there, `CapacityError` for one that no
    secure ring has room or precision for, `FrameError` for calibration frames that don't fit,
    `ParameterError` for an impossible number of frames, and `PlanError` for what no worker would load.
    """
    if not len(calibration):
        raise FrameError("there are no frames to calibrate on; at least one is needed, dozens are better")
    _check_frames_per_ciphertext(frames_per_ciphertext)
    values = network.input_values(calibration)
    front, rest = split(network, encrypt_from, values)
    inputs = features(front, values)
    stages, factor = normalise(fold(without_zeros(rest) if sealed else rest), inputs)
    samples = Samples.of(stages, inputs, features(front, _extreme_inputs(network)))
    budgets = default_budgets(stages, samples) if error_budget is None else [error_budget]
    ring = choose_ring(stages, samples, security_bits, budgets, frames_per_ciphertext, sealed, small)
    return _build(network, front, stages, ring, security_bits, frames_per_ciphertext, factor, sealed)


def _check_frames_per_ciphertext(frames: int) -> None:
    largest = RING_DIMENSIONS[-1] // 2
    if not 1 <= frames <= largest or frames & (frames - 1):
        raise ParameterError(
            f"frames_per_ciphertext is {frames}; give a power of two from 1 to {largest}, the slots of the largest ring"
        )


def _extreme_inputs(network: Network) -> Array:
    """Frames as extreme as a camera can give, as values (n, c, h, w): black, white, checks, halves, noise."""
    height, width, channels = network.frame_shape
    rows, columns = np.indices((height, width))
    checks = [(rows // size + columns // size) % 2 for size in (1, 2, 4, 8)]
    patterns = np.array([np.zeros_like(rows), *checks, rows < height // 2, columns < width // 2])
    both = np.repeat(np.concatenate([patterns, 1 - patterns])[..., None], channels, axis=3)
    noise = np.random.default_rng(0).integers(0, 2, (200, *network.frame_shape))
    return network.input_values((np.concatenate([both, noise]) * 255).astype(np.uint8))


def _build(
    network: Network,
    front: tuple[Layer, ...],
    stages: Sequence[Affine],
    ring: RingChoice,
    security_bits: int,
    frames: int,
    factor: float,
    sealed: bool,
) -> Plan:
    parameters = Parameters(security_bits, ring.dimension, ring.modulus.chain.prime_bits)
    body, output_scale = _with_scales(stages, ring, parameters)
    head = PlanHead(
        model=network.name,
        labels=network.labels,
        frame_shape=network.frame_shape,
        frames_per_ciphertext=frames,
        parameters=parameters,
        input_layout=ring.candidate.input.elements,
        input_scale=2.0 ** ring.modulus.chain.scale_bits[0],
        output_layout=ring.candidate.transforms[-1].output.elements.astype(np.int32),
        output_scale=output_scale,
        output_factor=factor,
        rotations=_rotation_levels(body, frames),
        relinearisation_level=body[0].level if len(body) > 1 or sealed else None,
        error_bound=ring.modulus.error_bound * factor,
        body_sha256=hashlib.sha256(encode_stages(body)).hexdigest(),
        for_sealing=sealed,
        front_sha256=hashlib.sha256(encode_front(front)).hexdigest() if front else None,
        front=front,
        whole_input=not ring.folded and repeats(ring.candidate.input.elements),
    )
    # What workers and devices would refuse is better found here. A limit that a network exceeds is in their message.
    check_head(head)
    check_stages(head, body)
    return Plan(head, body)


def _with_scales(stages: Sequence[Affine], ring: RingChoice, parameters: Parameters) -> tuple[tuple[Stage, ...], float]:
    """The stages with levels and exact scales, and the scale of the scores."""
    chain, value_depth = ring.modulus.chain, value_depths(stages)
    scales, products = chain.true_scales(parameters.primes)
    scaled_stages: list[Stage] = []
    for stage, depth, affine, left in zip(ring.stages, depths(stages), stages, ring.modulus.bits_left, strict=True):
        scaled_stages.append(
            msgspec.structs.replace(
                stage,
                level=chain.level(depth),
                rescale_first=depth in chain.early,
                product_scale=products[depth],
                bits_left=round(left, 3),
                weight_scales={value: products[depth] / scales[value_depth[value]] for value in affine.matrices},
            )
        )
    return tuple(scaled_stages), products[-1]


def _rotation_levels(stages: Sequence[Stage], frames: int) -> dict[int, int]:
    """Every rotation step of a ciphertext, with the highest level at which it is used."""
    levels: dict[int, int] = {}
    for stage in stages:
        for step in stage.steps:
            levels[step * frames] = max(levels.get(step * frames, 0), stage.level)
    return dict(sorted(levels.items()))
