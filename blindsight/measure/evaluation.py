"""`blindsight model evaluate`: encrypted frames in one process and one thread, against the plain model."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsight.measure.groups import GroupScores, score_groups
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.engine_names import EngineName
from common.keys.key_set import create_key_set
from common.keys.scores import ScoreReader
from common.label_groups import NO_GROUPS, LabelGroups
from common.plan.costs import load_costs
from common.plan.network import Network
from common.plan.plan import Plan
from common.plan.predictions import plan_ms
from common.plan.sealed import open_sealed
from compiler.labelled import LabelledFrames
from compiler.simulator import simulate
from edge.encryption import FrameCipher
from models.sealing import seal_plan
from workers.evaluation.engines import choose_engine, open_engine

#: Frames that are simulated at a time.
_SIMULATED_AT_ONCE = 50


@dataclass(frozen=True)
class Evaluation:
    """What was measured; accuracies and agreement are shares of 1, times in ms, sizes in bytes.

    Times and sizes are for one evaluation, of `frames_per_ciphertext` frames; `ms_per_frame` is
    the median's share of one. `engine` is what evaluated, and `rotation_ms` a rotation of SEAL's, whatever that was.
    """

    model: str
    plan: str
    engine: dict[str, str]
    security_bits: int
    ring_dimension: int
    modulus_bits: int
    frames: int
    frames_per_ciphertext: int
    plain_accuracy: float
    plain_accuracy_same_frames: float
    encrypted_accuracy: float
    agreement: float
    max_score_error: float
    score_error_bound: float
    evaluate_ms: dict[str, float]
    ms_per_frame: float
    predicted_ms: float
    encrypt_ms: dict[str, float]
    decrypt_ms: dict[str, float]
    rotations: int
    rotation_ms: float | None
    evaluate_in_rotations: float | None
    key_bytes: int
    uplink_bytes: int
    downlink_bytes: int
    groups: GroupScores | None

    def facts(self) -> dict[str, object]:
        """All fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Simulation:
    """A plan on plain slots, against the plain model; accuracies and agreement are shares of 1."""

    model: str
    plan: str
    frames: int
    plain_accuracy: float
    simulated_accuracy: float
    agreement: float
    max_score_difference: float
    groups: GroupScores | None

    def facts(self) -> dict[str, object]:
        """All fields, for JSON."""
        return asdict(self)


def simulate_model(
    network: Network,
    plan: Plan,
    data: LabelledFrames,
    progress: Callable[[int], None],
    groups: LabelGroups = NO_GROUPS,
) -> Simulation:
    """Run the plan on all frames of `data` without encryption: exactly what a worker does, but for the noise.

    `progress` is called with the number of frames after each batch.
    """
    scores: list[NDArray[np.float64]] = []
    for first in range(0, len(data.frames), _SIMULATED_AT_ONCE):
        batch = data.frames[first : first + _SIMULATED_AT_ONCE]
        scores.append(simulate(plan, batch))
        progress(len(batch))
    scores_of_plan, scores_of_network = np.concatenate(scores), network.scores(data.frames)
    decision, expectation = scores_of_plan.argmax(axis=1), scores_of_network.argmax(axis=1)
    return Simulation(
        model=plan.head.model,
        plan=plan.head.hash,
        frames=len(data.frames),
        plain_accuracy=float(np.mean(expectation == data.labels)),
        simulated_accuracy=float(np.mean(decision == data.labels)),
        agreement=float(np.mean(decision == expectation)),
        max_score_difference=float(np.abs(scores_of_plan - scores_of_network).max()),
        groups=score_groups(groups, network.labels, data.labels, expectation, decision),
    )


def evaluate_model(
    network: Network,
    plan: Plan,
    data: LabelledFrames,
    frames: int,
    progress: Callable[[int], None],
    engine: EngineName | None = None,
    groups: LabelGroups = NO_GROUPS,
) -> Evaluation:
    """Run `frames` encrypted frames of `data`, as many together as the plan says.

    A plan compiled for sealing is sealed first, for the key set that is made. `progress` is called with
    the number of frames after each evaluation. Raises `ConfigurationError` where the engine isn't installed.
    """
    head, evaluator = plan.head, open_engine(engine)
    plain = network.scores(data.frames)
    with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
        key_set = create_key_set(head, Path(folder) / "keys")
        keys = key_set.evaluation_keys()
        if head.for_sealing:
            sealed = Path(folder) / "plan.sealed"
            head = seal_plan(plan, key_set, sealed, lambda _: None)
            prepared = evaluator.prepare(open_sealed(sealed))
        else:
            prepared = evaluator.prepare(plan)
    cipher, reader = FrameCipher(head, key_set, seeds=True), ScoreReader(head, key_set)
    loaded, yardstick = evaluator.load_keys(keys), RotationYardstick(head.parameters)
    scores: list[NDArray[np.float64]] = []
    sizes = (0, 0)
    times: dict[str, list[float]] = {"encrypt": [], "evaluate": [], "decrypt": [], "rotation": []}
    together = head.frames_per_ciphertext
    for first in range(0, min(frames, len(data.frames)), together):
        batch = data.frames[first : min(first + together, frames)]
        burst = cipher.encrypt(batch)
        started_at = time.perf_counter()
        reply = prepared.evaluate(loaded, burst.ciphertext, rounded=True)
        evaluated_at = time.perf_counter()
        scores.extend(reader.scores(reply)[: len(batch)])
        times["encrypt"].append(burst.ms)
        times["evaluate"].append((evaluated_at - started_at) * 1000)
        times["decrypt"].append((time.perf_counter() - evaluated_at) * 1000)
        if plan.rotations:
            times["rotation"].append(yardstick.measure())
        sizes = (len(burst.ciphertext), len(reply))
        progress(len(batch))
    rotation_ms = float(np.median(times["rotation"])) if times["rotation"] else None
    evaluate_ms = percentiles(times["evaluate"])
    count = len(scores)
    same, labels = plain[:count], data.labels[:count]
    decision = np.argmax(scores, axis=1)
    return Evaluation(
        model=head.model,
        plan=head.hash,
        engine=evaluator.description,
        security_bits=head.parameters.security_bits,
        ring_dimension=head.parameters.ring_dimension,
        modulus_bits=head.parameters.modulus_bits,
        frames=count,
        frames_per_ciphertext=together,
        plain_accuracy=float(np.mean(plain.argmax(axis=1) == data.labels)),
        plain_accuracy_same_frames=float(np.mean(same.argmax(axis=1) == labels)),
        encrypted_accuracy=float(np.mean(decision == labels)),
        agreement=float(np.mean(decision == same.argmax(axis=1))),
        max_score_error=float(np.abs(np.array(scores) - same).max()),
        score_error_bound=head.error_bound,
        evaluate_ms=evaluate_ms,
        ms_per_frame=round(evaluate_ms["p50"] / together, 3),
        predicted_ms=round(plan_ms(plan, load_costs(choose_engine(engine))), 1),
        encrypt_ms=percentiles(times["encrypt"]),
        decrypt_ms=percentiles(times["decrypt"]),
        rotations=plan.rotations,
        rotation_ms=rotation_ms,
        evaluate_in_rotations=evaluate_ms["p50"] / rotation_ms if rotation_ms else None,
        key_bytes=len(keys),
        uplink_bytes=sizes[0],
        downlink_bytes=sizes[1],
        groups=score_groups(groups, network.labels, data.labels, plain.argmax(axis=1), decision),
    )


class RotationYardstick:
    """The machine's own yardstick: a rotation of a fresh ciphertext by SEAL, to be measured between frames."""

    def __init__(self, parameters: Parameters) -> None:
        self._context = Context(parameters)
        self._context.generate_keys([1])
        self._ciphertext = self._context.encrypt(np.linspace(0, 1, parameters.slots), 2.0**24)

    def measure(self, clock: Callable[[], float] = time.perf_counter) -> float:
        """Its time by a clock, in ms."""
        start = clock()
        self._context.rotated(self._ciphertext, 1)
        return (clock() - start) * 1000


def percentiles(values: list[float]) -> dict[str, float]:
    """The median and the 95th percentile."""
    return {"p50": round(float(np.median(values)), 3), "p95": round(float(np.percentile(values, 95)), 3)}
