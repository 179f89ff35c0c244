"""An ONNX file and calibration frames become a network, and a report of what that cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.errors import ConfigurationError
from common.plan.layers import Array
from common.plan.network import Network
from compiler.labelled import LabelledFrames, load_labelled
from compiler.onnx.activations import FittedActivation, fit_activations, scores, squarings
from compiler.onnx.conversion import Draftwork, convert
from compiler.onnx.fitting import DEGREES
from compiler.onnx.reading import read_graph

#: Called with what is being done, and how much of it is done: from 0 to 1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class ActivationReport:
    """A fitted activation; `rms_error` is in its own units, `relative_error` a share of its spread."""

    node: str
    kind: str
    degree: int
    rms_error: float
    relative_error: float


@dataclass(frozen=True)
class ImportReport:
    """What was imported and what the fits cost; accuracies and agreement are shares of the calibration frames.

    `squarings` is the depth: squarings that follow each other, of which each takes a prime of the modulus
    chain; by degree of the fits.
    """

    model: str
    frame_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    layers: tuple[str, ...]
    activations: tuple[ActivationReport, ...]
    degree: int
    squarings: int
    squarings_by_degree: dict[str, int]
    softmax_left_out: bool
    frames: int
    original_accuracy: float
    imported_accuracy: float
    agreement: float

    def facts(self) -> dict[str, object]:
        """All fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Imported:
    """The network, the frames that it was calibrated on, and the report."""

    network: Network
    calibration: LabelledFrames
    report: ImportReport


def import_network(
    path: Path,
    calibrate: Path,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
    degree: int = 2,
    progress: Progress = lambda what, share: None,
) -> Imported:
    """Convert an ONNX file, with its activations fitted on the frames of `calibrate`.

    The network takes (frames / 255 - mean) / deviation. Labels are "0", "1", … by default. Raises
    `ConfigurationError`, `NetworkError` or `FrameError`.
    """
    if degree not in DEGREES:
        raise ConfigurationError(f"degree is {degree}; it must be {' or '.join(map(str, DEGREES))}")
    if not all(np.isfinite(mean)) or not all(np.isfinite(deviation)) or min(deviation) <= 0:
        raise ConfigurationError("mean and std must be finite numbers, and std above 0")
    draft = convert(read_graph(path), np.array(mean), np.array(deviation))
    if labels is not None and len(labels) != draft.scores:
        raise ConfigurationError(f"labels has {len(labels)}; the network gives {draft.scores} scores, each needs one")
    texts = tuple(labels) if labels is not None else tuple(map(str, range(draft.scores)))
    if len(set(texts)) != len(texts):
        raise ConfigurationError("labels has one twice; each score needs a label of its own")
    data = load_labelled(calibrate, draft.frame_shape, texts)
    original_scores = scores(draft.items, data.frames, _counter(progress, "original", len(data.frames)))
    layers, fitted = fit_activations(draft.items, data.frames, degree, _counter(progress, "fitting", len(draft.items)))
    network = Network(name, draft.frame_shape, texts, layers)
    imported_scores = scores(layers, data.frames, _counter(progress, "imported", len(data.frames)))
    return Imported(network, data, _report(network, draft, fitted, degree, original_scores, imported_scores, data))


def _report(
    network: Network,
    draft: Draftwork,
    fitted: Sequence[FittedActivation],
    degree: int,
    original_scores: Array,
    imported_scores: Array,
    data: LabelledFrames,
) -> ImportReport:
    before, after = original_scores.argmax(axis=1), imported_scores.argmax(axis=1)
    return ImportReport(
        model=network.name,
        frame_shape=network.frame_shape,
        labels=network.labels,
        layers=tuple(type(layer).__name__ for layer in network.layers),
        activations=tuple(
            ActivationReport(item.activation.node, item.activation.kind, degree, item.fit.rms, item.fit.relative)
            for item in fitted
        ),
        degree=degree,
        squarings=squarings(draft.items, degree),
        squarings_by_degree={str(each): squarings(draft.items, each) for each in DEGREES},
        softmax_left_out=draft.softmax_left_out,
        frames=len(data.frames),
        original_accuracy=float(np.mean(before == data.labels)),
        imported_accuracy=float(np.mean(after == data.labels)),
        agreement=float(np.mean(before == after)),
    )


def _counter(progress: Progress, what: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(what, done / total)

    progress(what, 0.0)
    return count
