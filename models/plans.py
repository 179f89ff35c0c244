"""Plans of named models: the one that ships, or one compiled now."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.keys.evaluation_keys import is_storable, uploaded_size
from common.plan.network import Network
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from compiler.labelled import load_labelled
from models.batching import choose_plan
from models.catalogue import load_network, plan_path
from models.layer_choice import WHOLE, find_layer
from models.samples import load_samples

#: Frames that a plan is calibrated on, at most: more change little and take memory.
_CALIBRATION_FRAMES = 500


def get_plan(
    name: str,
    security_bits: int,
    frames_per_ciphertext: int | None = 1,
    tried: Callable[[Plan], None] = lambda _: None,
    encrypt_from: str = WHOLE,
    sealed: bool = False,
) -> Plan:
    """The plan in a model's folder for a security level and number of frames, or a fresh one.

    None frames: as many as `models.batching` chooses; each plan on the way goes to `tried`. A plan
    for part of the network, or for encrypted weights, is always a fresh one. A fresh one has few keys where
    Redis couldn't hold more (`compile_plan`). Raises `BlindsightError`.
    """
    if frames_per_ciphertext is not None and encrypt_from == WHOLE and not sealed:
        ready = plan_path(name, security_bits, frames_per_ciphertext)
        if ready.exists():
            return load_plan(ready)
    return compile_plan(
        name,
        security_bits,
        frames_per_ciphertext=frames_per_ciphertext,
        tried=tried,
        encrypt_from=encrypt_from,
        sealed=sealed,
    )


def compile_plan(
    name: str,
    security_bits: int,
    calibration: Path | None = None,
    frames_per_ciphertext: int | None = 1,
    tried: Callable[[Plan], None] = lambda _: None,
    error_budget: float | None = None,
    encrypt_from: str = WHOLE,
    sealed: bool = False,
    small: bool | None = None,
) -> Plan:
    """Compile a model, calibrated on the frames of a file or on the model's own samples.

    Frames as in `get_plan`, the error budget as in `compile_network`, the layer as `find_layer` takes it. With `small`
    None a plan is `small` only where Redis couldn't hold the keys of one that isn't, which then goes to `tried`.
    """
    network = load_network(name)
    if calibration is None:
        labelled = load_samples(name)
    else:
        labelled = load_labelled(calibration, network.frame_shape, network.labels)
    return compile_on_frames(
        network, labelled.frames, security_bits, frames_per_ciphertext, tried, error_budget, encrypt_from, sealed, small
    )


def compile_on_frames(
    network: Network,
    frames: NDArray[np.uint8],
    security_bits: int,
    frames_per_ciphertext: int | None = 1,
    tried: Callable[[Plan], None] = lambda _: None,
    error_budget: float | None = None,
    encrypt_from: str = WHOLE,
    sealed: bool = False,
    small: bool | None = None,
) -> Plan:
    """Compile a network, calibrated on frames (n, h, w[, c]) uint8, of which at most 500 are used.

    The other parameters are those of `compile_plan`.
    """
    from compiler.compile import compile_network  # with SciPy half of what a service would import

    first = find_layer(encrypt_from, network)
    step = max(1, -(-len(frames) // _CALIBRATION_FRAMES))  # from all over: files are often sorted by label

    def compile_for(number: int) -> Plan:
        compiled = partial(compile_network, network, frames[::step], security_bits, error_budget, number, first, sealed)
        plan = compiled(small=bool(small))
        if small is not None or is_storable(uploaded_size(plan.head)):
            return plan
        tried(plan)
        return compiled(small=True)

    return choose_plan(compile_for, tried) if frames_per_ciphertext is None else compile_for(frames_per_ciphertext)
