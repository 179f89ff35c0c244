"""A network's plan, together with what the compiler knew when it made the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from common.plan.network import Network
from common.plan.plan import Plan
from compiler import compile
from compiler.modulus.budget import Samples
from compiler.rings import RingChoice, choose_ring
from compiler.stages import Affine
from tests.networks import Frames


@dataclass(frozen=True)
class Compilation:
    """The plan, the normalised stages, their values on the calibration frames, and the ring that was chosen."""

    plan: Plan
    stages: Sequence[Affine]
    samples: Samples
    ring: RingChoice


def compilation_of(
    network: Network,
    frames: Frames,
    error_budget: float | None = None,
    frames_per_ciphertext: int = 1,
    sealed: bool = False,
    small: bool = False,
) -> Compilation:
    """Compile as `compile_network` does, at 128 bits."""
    choices: list[tuple[Sequence[Affine], Samples, RingChoice]] = []

    def choose(stages: Sequence[Affine], samples: Samples, *more: Any) -> RingChoice:
        choices.append((stages, samples, choose_ring(stages, samples, *more)))
        return choices[-1][2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile, "choose_ring", choose)
        plan = compile.compile_network(network, frames, 128, error_budget, frames_per_ciphertext, 0, sealed, small)
    return Compilation(plan, *choices[-1])
