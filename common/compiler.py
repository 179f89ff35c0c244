"""Network → plan: fold, lay out, make diagonals, choose the modulus chain, collect the keys."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from common import fhe
from common.budget import ChainSearch, ChosenChain, Samples, default_budgets
from common.chain import Chain
from common.costs import load_costs
from common.errors import CapacityError, FrameError, ParameterError
from common.folding import Affine, depths, fold, normalise, without_zeros
from common.layers import Array, Layer
from common.layout import EMPTY
from common.network import Network
from common.parameters import RING_DIMENSIONS, Parameters, max_modulus_bits
from common.plan import Plan, PlanHead, Stage, encode_front, encode_stages
from common.search import Candidate, cheapest
from common.splitting import features, split
from common.transform import Transform


@dataclass(frozen=True)
class _Laid:
    """A network laid out in one ring, with the chain that it needs there."""

    dimension: int
    candidate: Candidate
    stages: tuple[Stage, ...]
    chosen: ChosenChain


def compile_network(
    network: Network,
    calibration: NDArray[np.uint8],
    security_bits: int = 128,
    error_budget: float | None = None,
    frames_per_ciphertext: int = 1,
    encrypt_from: int = 0,
    sealed: bool = False,
) -> Plan:
    """Compile a network into the cheapest plan found.

    `calibration` are frames (n, h, w[, c]) uint8 as the cameras give them; the sizes of all
    intermediate values are learned from them. Room is left for the most extreme frames: black,
    white, checks, noise. `frames_per_ciphertext`, a power of two, are evaluated together. The layers
    before `encrypt_from` become the plan's front, which devices run in plain.

    `error_budget` bounds the error of a score relative to the largest score in
    calibration. By default it is the lead that all but a twentieth of the calibration frames' first
    labels have over the second, so that half of it in both leaves the label as it was; but from 2⁻¹⁰ to
    2⁻⁶ if the network can reach that, and never above 2⁻⁴.

    `sealed` plans leave room for the noise of encrypted weights (`common.sealed`), and show no weight
    in which of them are zero.

    Plans depend on what operations take on this machine (`common.costs`).

    Raises `NetworkError` for a network that can't be compiled or cut there, `CapacityError` for one that no
    secure ring has room or precision for, `FrameError` for calibration frames that don't fit, and
    `ParameterError` for an impossible number of frames.
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
    best: _Laid | None = None
    refusal: CapacityError | None = None
    for dimension in RING_DIMENSIONS:
        try:
            laid = _lay_out(stages, samples, dimension, security_bits, budgets, frames_per_ciphertext, sealed)
        except CapacityError as error:
            refusal = error
            continue
        if best is not None and laid.candidate.cost >= best.candidate.cost:
            break
        best = laid
        if not _larger_ring_may_pay(best):
            break
    if best is None:
        assert refusal is not None
        raise refusal  # of the largest ring, which has most room
    return _build(network, front, stages, best, security_bits, frames_per_ciphertext, factor, sealed)


def _larger_ring_may_pay(laid: _Laid) -> bool:
    """Whether values take several ciphertexts, or early rescalings so many levels that a ring without is faster."""
    if laid.candidate.ciphertexts > 1:
        return True
    if laid.dimension == RING_DIMENSIONS[-1]:
        return False
    chain, rotate = laid.chosen.chain, load_costs().rotation_ms
    return bool(chain.early) and rotate(2 * laid.dimension, len(chain.scale_bits) - 1) < rotate(
        laid.dimension, chain.level(0)
    )


def _check_frames_per_ciphertext(frames: int) -> None:
    largest = RING_DIMENSIONS[-1] // 2
    if not 1 <= frames <= largest or frames & (frames - 1):
        raise ParameterError(
            f"frames_per_ciphertext is {frames}; give a power of two from 1 to {largest}, the slots of the largest ring"
        )


def _lay_out(
    stages: Sequence[Affine],
    samples: Samples,
    dimension: int,
    security_bits: int,
    error_budgets: Sequence[float],
    frames: int,
    sealed: bool,
) -> _Laid:
    """The cheapest way to lay the network out in this ring. Raises `CapacityError` where it has no room for it.

    Encrypted weights may need stages that rescale before they square; that is tried before a larger error is.
    """
    slots, depth = dimension // 2 // frames, max(depths(stages))
    max_bits = max_modulus_bits(security_bits, dimension)
    if not slots:
        raise CapacityError(f"a ciphertext of ring dimension {dimension} has fewer slots than {frames} frames")
    earlies = [early for early in _earlies(depth, sealed) if Chain.may_fit(depth + 1, len(early), max_bits)]
    if not earlies:
        raise CapacityError(
            f"{depth} rescalings at {security_bits}-bit security need more than the {max_bits} bits that a modulus may "
            f"have at ring dimension {dimension}. Use fewer layers with activations"
        )

    def search_for(early: tuple[int, ...]) -> ChainSearch:
        candidate = cheapest(stages, dimension, slots, load_costs(), early, sealed)
        if candidate is None:
            raise CapacityError(
                "a linear stage has too many weights to lay out in slots, over half a gigabyte. Use fewer channels, "
                "larger strides or narrower dense layers"
            )
        built = _build_stages(stages, candidate.transforms)
        return ChainSearch(stages, candidate, built, samples, dimension, frames, sealed)

    first = search_for(earlies[0])
    for budget, early in product(error_budgets, earlies):
        chosen = first.run(security_bits, early, budget)
        if chosen is None:
            continue
        # Levels cost more with early rescalings, so another layout may be cheaper then.
        search = first if early == earlies[0] else search_for(early)
        chosen = search.run(security_bits, early, budget)
        if chosen is not None:
            return _Laid(dimension, search.candidate, tuple(search.built), chosen)
    raise CapacityError(
        f"{depth} rescalings at {security_bits}-bit security leave an error above {error_budgets[-1]:.1%} of the "
        f"largest score, at ring dimension {dimension} too. Use fewer layers, or normalise activations and "
        "penalise large values in training, so that less error is amplified"
    )


def _earlies(deepest: int, sealed: bool) -> list[tuple[int, ...]]:
    """Depths whose stages may rescale before they square: none, one, or all; at first what costs least."""
    if not sealed:
        return [()]
    return list(dict.fromkeys([(), *((depth,) for depth in range(deepest)), tuple(range(deepest))]))


def _extreme_inputs(network: Network) -> Array:
    """Frames as extreme as a camera can give, as values (n, c, h, w): black, white, checks, halves, noise."""
    height, width, channels = network.frame_shape
    rows, columns = np.indices((height, width))
    checks = [(rows // size + columns // size) % 2 for size in (1, 2, 4, 8)]
    patterns = np.array([np.zeros_like(rows), *checks, rows < height // 2, columns < width // 2])
    both = np.repeat(np.concatenate([patterns, 1 - patterns])[..., None], channels, axis=3)
    noise = np.random.default_rng(0).integers(0, 2, (200, *network.frame_shape))
    return network.input_values((np.concatenate([both, noise]) * 255).astype(np.uint8))


def _build_stages(stages: Sequence[Affine], transforms: Sequence[Transform]) -> tuple[Stage, ...]:
    """The stages as the evaluator runs them; levels and scales follow with the chain."""
    return tuple(
        Stage(
            shape=stage.shape,
            level=0,
            product_scale=1.0,
            weight_scales={},
            terms=terms,
            vectors=vectors,
            folds=transform.folds,
            bias=_bias(stage, transform),
            square=transform is not transforms[-1],
            bits_left=0.0,
        )
        for stage, transform in zip(stages, transforms, strict=True)
        for terms, vectors in [_terms(transform)]
    )


def _terms(transform: Transform) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The rows of `Stage.terms`, by target and giant, and each vector that they use once."""
    slots, sources = transform.output.slots, np.array(transform.sources)[transform.diagonals.source]
    vectors = transform.vectors()
    numbers: dict[bytes, int] = {}
    rows = [numbers.setdefault(vector.tobytes(), len(numbers)) for vector in vectors]
    columns = (
        transform.diagonals.target,
        transform.steps.giant % slots,
        sources[:, 0],
        sources[:, 1],
        transform.steps.baby % slots,
        rows,
    )
    terms = np.stack(columns, axis=1).astype(np.int32)
    distinct = np.stack([np.frombuffer(vector, np.float32) for vector in numbers])
    return terms[np.lexsort((terms[:, 1], terms[:, 0]))], distinct


def _bias(stage: Affine, transform: Transform) -> Array:
    """The bias by slots; where an output is the sum of its slots, in the first of them."""
    layout = transform.output
    if not transform.partial:
        return np.where(layout.elements == EMPTY, 0.0, stage.bias[layout.elements])
    bias = np.zeros(layout.elements.shape)
    bias[layout.places(stage.size)] = stage.bias
    return bias


def _build(
    network: Network,
    front: tuple[Layer, ...],
    stages: Sequence[Affine],
    laid: _Laid,
    security_bits: int,
    frames: int,
    factor: float,
    sealed: bool,
) -> Plan:
    parameters = Parameters(security_bits, laid.dimension, laid.chosen.chain.prime_bits)
    body, output_scale = _with_scales(stages, laid, parameters)
    head = PlanHead(
        model=network.name,
        labels=network.labels,
        frame_shape=network.frame_shape,
        frames_per_ciphertext=frames,
        parameters=parameters,
        input_layout=laid.candidate.input.elements,
        input_scale=2.0 ** laid.chosen.chain.scale_bits[0],
        output_layout=laid.candidate.transforms[-1].output.elements.astype(np.int32),
        output_scale=output_scale,
        output_factor=factor,
        rotations=_rotation_levels(body, frames),
        relinearisation_level=body[0].level if len(body) > 1 or sealed else None,
        error_bound=laid.chosen.error_bound * factor,
        body_sha256=hashlib.sha256(encode_stages(body)).hexdigest(),
        for_sealing=sealed,
        front_sha256=hashlib.sha256(encode_front(front)).hexdigest() if front else None,
        front=front,
    )
    return Plan(head, body)


def _with_scales(stages: Sequence[Affine], laid: _Laid, parameters: Parameters) -> tuple[tuple[Stage, ...], float]:
    """The stages with levels and exact scales, and the scale of the scores."""
    primes, chain = fhe.moduli(parameters).primes, laid.chosen.chain
    depth_of = depths(stages)
    scales = [2.0 ** chain.scale_bits[0]]  # of values, by depth
    products: list[float] = []
    for depth, bits in enumerate(chain.weight_bits):
        products.append(scales[depth] * 2.0**bits)
        level, squared = chain.level(depth), products[depth]
        if depth in chain.early:
            level, squared = level - 1, squared / primes[level]
        scales.append(squared**2 / primes[level])
    built: list[Stage] = []
    for stage, depth, affine, left in zip(laid.stages, depth_of, stages, laid.chosen.bits_left, strict=True):
        entered = {value: scales[depth_of[value - 1] + 1 if value else 0] for value in affine.matrices}
        built.append(
            msgspec.structs.replace(
                stage,
                level=chain.level(depth),
                rescale_first=depth in chain.early,
                product_scale=products[depth],
                bits_left=round(left, 3),
                weight_scales={value: products[depth] / scale for value, scale in entered.items()},
            )
        )
    return tuple(built), products[-1]


def _rotation_levels(stages: Sequence[Stage], frames: int) -> dict[int, int]:
    """Every rotation step of a ciphertext, with the highest level at which it is used."""
    levels: dict[int, int] = {}
    for stage in stages:
        for step in {*stage.terms[:, 1].tolist(), *stage.terms[:, 4].tolist(), *stage.folds} - {0}:
            levels[step * frames] = max(levels.get(step * frames, 0), stage.level)
    return dict(sorted(levels.items()))
