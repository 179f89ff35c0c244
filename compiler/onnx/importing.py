"""An ONNX file and calibration frames become a network, and a report of what that cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.plan.layers import Array
from common.plan.network import Network
from compiler.labelled import LabelledFrames, load_labelled
from compiler.onnx.activations import FittedActivation, fit_activations, scores, squarings
from compiler.onnx.conversion import Draftwork, convert
from compiler.onnx.draft import Item
from compiler.onnx.fitting import DEGREES
from compiler.onnx.options import ImportOptions
from compiler.onnx.reading import read_graph

#: Called with what is being done, and how much of it is done: from 0 to 1.
Progress = Callable[[str, float], None]
#: What trains a network further: called with the original's items, the network, frames (n, h, w, c) and the indices of
#: their labels or none, and `Progress`.
Refine = Callable[
    [Sequence[Item], Network, NDArray[np.uint8], NDArray[np.integer[Any]] | None, Progress],
    Network,
]


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

    Accuracies are None where nobody said what the frames show. `fitted_accuracy` and `fitted_agreement` are those
    before the network was trained further, None where it wasn't. `squarings` is the depth: squarings that follow each
    other, of which each takes a prime of the modulus chain; by degree of the fits.
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
    original_accuracy: float | None
    imported_accuracy: float | None
    agreement: float
    fitted_accuracy: float | None = None
    fitted_agreement: float | None = None

    def facts(self) -> dict[str, object]:
        """All fields, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ImportResult:
    """The network, the frames that it was calibrated on, and the report."""

    network: Network
    calibration: LabelledFrames
    report: ImportReport


@dataclass(frozen=True)
class _Reading:
    """A file's network before its activations are fitted, the texts of its labels, and what was asked for."""

    draft: Draftwork
    labels: tuple[str, ...]
    options: ImportOptions


def import_network(
    path: Path,
    calibrate: Path,
    options: ImportOptions,
    progress: Progress = lambda what, share: None,
    refine: Refine | None = None,
) -> ImportResult:
    """Convert an ONNX file, with its activations fitted on the frames of `calibrate`, and trained further by `refine`.

    Raises `ConfigurationError`, `NetworkError` or `FrameError`.
    """
    reading = _read(path, options)
    data = load_labelled(calibrate, reading.draft.frame_shape, reading.labels)
    network, report = _fit(reading, data.frames, data.labels, progress, refine)
    return ImportResult(network, data, report)


def import_with_frames(
    path: Path,
    frames: NDArray[np.uint8],
    truth: NDArray[np.integer[Any]] | None,
    options: ImportOptions,
    progress: Progress = lambda what, share: None,
    refine: Refine | None = None,
) -> tuple[Network, ImportReport]:
    """What `import_network` does, with frames (n, h, w[, c]) uint8 in memory, and the indices of their labels or none.

    Raises the same errors.
    """
    reading = _read(path, options)
    shape = reading.draft.frame_shape
    if frames.ndim == len(shape):
        frames = frames[..., None]
    if frames.dtype != np.uint8 or frames.shape[1:] != shape or not len(frames):
        raise FrameError(
            f"frames has shape {frames.shape} and type {frames.dtype}; the network takes "
            f"(n, {', '.join(map(str, shape))}), uint8: frames, height, width, channels"
        )
    if truth is not None and (
        truth.shape != (len(frames),) or not 0 <= truth.min() <= truth.max() < len(reading.labels)
    ):
        raise ConfigurationError(
            f"truth has shape {truth.shape}; give the index of a label, from 0 to {len(reading.labels) - 1}, for each "
            f"of the {len(frames)} frames"
        )
    return _fit(reading, frames, truth, progress, refine)


def _read(path: Path, options: ImportOptions) -> _Reading:
    draft = convert(read_graph(path), np.array(options.mean), np.array(options.deviation), options.replace_maxpool)
    labels = options.labels
    if labels is not None and len(labels) != draft.scores:
        raise ConfigurationError(f"labels has {len(labels)}; the network gives {draft.scores} scores, each needs one")
    texts = tuple(labels) if labels is not None else tuple(map(str, range(draft.scores)))
    if len(set(texts)) != len(texts):
        raise ConfigurationError("labels has one twice; each score needs a label of its own")
    return _Reading(draft, texts, options)


def _fit(
    reading: _Reading,
    frames: NDArray[np.uint8],
    truth: NDArray[np.integer[Any]] | None,
    progress: Progress,
    refine: Refine | None,
) -> tuple[Network, ImportReport]:
    draft, degree = reading.draft, reading.options.degree
    original_scores = scores(draft.items, frames, _counter(progress, "original", len(frames)))
    layers, fitted = fit_activations(draft.items, frames, degree, _counter(progress, "fitting", len(draft.items)))
    network = Network(reading.options.name, draft.frame_shape, reading.labels, layers)
    imported_scores = scores(layers, frames, _counter(progress, "imported", len(frames)))
    report = _report(network, draft, fitted, degree, original_scores, imported_scores, truth)
    if refine is None:
        return network, report
    network = refine(draft.items, network, frames, truth, progress)
    refined_scores = scores(network.layers, frames, _counter(progress, "fine-tuned", len(frames)))
    refined = _report(network, draft, fitted, degree, original_scores, refined_scores, truth)
    return network, replace(refined, fitted_accuracy=report.imported_accuracy, fitted_agreement=report.agreement)


def _report(
    network: Network,
    draft: Draftwork,
    fitted: Sequence[FittedActivation],
    degree: int,
    original_scores: Array,
    imported_scores: Array,
    truth: NDArray[np.integer[Any]] | None,
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
        frames=len(before),
        original_accuracy=None if truth is None else float(np.mean(before == truth)),
        imported_accuracy=None if truth is None else float(np.mean(after == truth)),
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
