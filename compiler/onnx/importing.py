"""An ONNX file and calibration frames become a network, and a report of what that cost."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.fitting import FrameShape
from common.plan.layers import Array
from common.plan.network import Network
from compiler.labelled import LabelledFrames, frame_shape_of, load_labelled
from compiler.onnx.conversion import Draftwork, convert
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.ending import UNKNOWN_THRESHOLD
from compiler.onnx.file.reading import Graph, read_graph
from compiler.onnx.fits.activations import FittedNetwork, scores, squarings
from compiler.onnx.fits.choosing import Progress, counter, fit_network
from compiler.onnx.fits.fitting import DEGREES, LINE
from compiler.onnx.fits.splitting import held_out
from compiler.onnx.frames import shape_is_open
from compiler.onnx.max_pooling import MaxPool
from compiler.onnx.options import LABELS, ImportOptions
from compiler.onnx.saturation import edges_that_matter

#: The share of held-out labels that agree, below which an import is worth a warning.
LEAST_AGREEMENT = 0.98

#: What trains a network further: called with the original's items, the network, frames (n, h, w, c) and the indices of
#: their labels or none, and `Progress`.
Refine = Callable[
    [Sequence[Item], Network, NDArray[np.uint8], NDArray[np.integer[Any]] | None, Progress],
    Network,
]


@dataclass(frozen=True)
class ActivationReport:
    """A fitted activation; `rms_error` is in its own units, `relative_error` a share of its spread.

    Both are of the fit by itself, before all fits were changed together.
    """

    node: str
    kind: str
    degree: int
    rms_error: float
    relative_error: float


@dataclass(frozen=True)
class ImportReport:
    """What was imported and what the fits cost; accuracies and agreement are shares of frames.

    Of all calibration `frames` `held_out` weren't fitted on; accuracies and agreement are theirs, and `agreement_seen`
    that of the others. Where there are few frames, or nothing to fit, none is held out, and all of them count in all
    figures. Accuracies are None where nobody said what the frames show. `fitted_accuracy` and `fitted_agreement` are
    those before the network was trained further, None where it wasn't. `squarings` is the depth: squarings that follow
    each other, of which each takes a prime of the modulus chain; by degree of the fits. `left_out` are the operators
    behind the last layer that can't change the label. `threshold` is where a single score becomes the second label, in
    units of the output, None for several scores; `threshold_assumed` says that nobody gave it, and that the score's
    range doesn't tell it, so that the score might be a value, as in regression.
    `rounding_left_out` is true of a quantised network, which was compared with what it is without its rounding.
    `values_error` is there where values were asked for instead of labels: the root mean square of their errors, as a
    share of their standard deviation.
    """

    model: str
    frame_shape: tuple[int, int, int]
    labels: tuple[str, ...]
    layers: tuple[str, ...]
    activations: tuple[ActivationReport, ...]
    degree: int
    squarings: int
    squarings_by_degree: dict[str, int]
    left_out: tuple[str, ...]
    threshold: float | None
    threshold_assumed: bool
    rounding_left_out: bool
    frames: int
    held_out: int
    original_accuracy: float | None
    imported_accuracy: float | None
    agreement: float
    agreement_seen: float
    values_error: float | None
    fitted_accuracy: float | None = None
    fitted_agreement: float | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """The nodes of activations that became lines."""
        return tuple(each.node for each in self.activations if each.degree == LINE)

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

    graph: Graph
    draft: Draftwork
    labels: tuple[str, ...]
    options: ImportOptions

    def settled(self, frames: NDArray[np.uint8]) -> Draftwork:
        """The draft without the edges of quantisation that don't matter on these frames."""
        if not self.draft.limited:
            return self.draft
        return convert(self.graph, self.options, self.draft.frame_shape, edges_that_matter(self.draft, frames))


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
    _check_refine(options, refine)
    graph = read_graph(path, options.output_name)
    reading = _read(graph, options, frame_shape_of(calibrate) if shape_is_open(graph) else None)
    wants_labels = options.output == LABELS
    data = _calibration(reading, calibrate)
    network, report = _fit(reading, data.frames, data.labels if wants_labels else None, progress, refine)
    if not wants_labels:  # what they say is no label of ours
        data = LabelledFrames(data.frames, np.zeros_like(data.labels), data.names)
    return ImportResult(network, data, report)


def _calibration(reading: _Reading, path: Path) -> LabelledFrames:
    wants_labels = reading.options.output == LABELS
    try:
        return load_labelled(path, reading.draft.frame_shape, reading.labels if wants_labels else None)
    except ConfigurationError as error:
        if wants_labels and reading.draft.threshold is not None:
            raise ConfigurationError(
                f"{error}. The network gives one number, which was taken for the score of two labels; "
                "--output values keeps the number, as of a regression"
            ) from error
        raise


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
    _check_refine(options, refine)
    frames = frames[..., None] if frames.ndim == 3 else frames
    if frames.ndim != 4:
        raise FrameError(f"frames has shape {frames.shape}; it must be (n, height, width[, channels])")
    reading = _read(read_graph(path, options.output_name), options, frames.shape[1:])
    shape = reading.draft.frame_shape
    if frames.dtype != np.uint8 or frames.shape[1:] != shape or not len(frames):
        raise FrameError(
            f"frames has shape {frames.shape} and type {frames.dtype}; the network takes "
            f"(n, {', '.join(map(str, shape))}), uint8: frames, height, width, channels"
        )
    if truth is not None and options.output != LABELS:
        raise ConfigurationError(f"truth holds labels, but output is {options.output}; leave truth out")
    if truth is not None and (
        truth.shape != (len(frames),) or not 0 <= truth.min() <= truth.max() < len(reading.labels)
    ):
        raise ConfigurationError(
            f"truth has shape {truth.shape}; give the index of a label, from 0 to {len(reading.labels) - 1}, for each "
            f"of the {len(frames)} frames"
        )
    return _fit(reading, frames, truth, progress, refine)


def _check_refine(options: ImportOptions, refine: Refine | None) -> None:
    if refine is not None and options.output != LABELS:
        raise ConfigurationError(f"fine-tuning teaches labels, but output is {options.output}; leave it out")


def _read(graph: Graph, options: ImportOptions, frames: FrameShape | None) -> _Reading:
    draft = convert(graph, options, frames)
    labels = options.labels
    if labels is not None and len(labels) != draft.scores:
        raise ConfigurationError(f"labels has {len(labels)}; the network gives {draft.scores} scores, each needs one")
    texts = tuple(labels) if labels is not None else tuple(map(str, range(draft.scores)))
    if len(set(texts)) != len(texts):
        raise ConfigurationError("labels has one twice; each score needs a label of its own")
    return _Reading(graph, draft, texts, options)


def _fit(
    reading: _Reading,
    frames: NDArray[np.uint8],
    truth: NDArray[np.integer[Any]] | None,
    progress: Progress,
    refine: Refine | None,
) -> tuple[Network, ImportReport]:
    draft, options = reading.settled(frames), reading.options
    original = scores(draft.items, frames, counter(progress, "original", len(frames)))
    held = held_out(original.argmax(axis=1) if truth is None else truth)
    if not any(isinstance(item, Activation | MaxPool) for item in draft.items):
        held[:] = False
    fitted = fit_network(draft.items, frames[~held], original[~held], options, progress)
    network = Network(options.name, draft.frame_shape, reading.labels, fitted.layers)
    imported = scores(fitted.layers, frames, counter(progress, "imported", len(frames)))
    labelling = _Labelling(original, imported, truth, held)
    report = _report(network, draft, options, fitted, labelling)
    if refine is None:
        return network, report
    network = refine(draft.items, network, frames[~held], None if truth is None else truth[~held], progress)
    refined = scores(network.layers, frames, counter(progress, "fine-tuned", len(frames)))
    after = _report(network, draft, options, fitted, replace(labelling, imported=refined))
    return network, replace(after, fitted_accuracy=report.imported_accuracy, fitted_agreement=report.agreement)


@dataclass(frozen=True)
class _Labelling:
    """Scores (n, labels) of the original and of the imported network, the right labels, and which were held out."""

    original: Array
    imported: Array
    truth: NDArray[np.integer[Any]] | None
    held: NDArray[np.bool_]

    def error(self, judged: NDArray[np.bool_]) -> float:
        """The root mean square of the errors of some frames' scores, as a share of the scores' standard deviation."""
        original, imported = self.original[judged], self.imported[judged]
        return float(np.sqrt(np.mean((imported - original) ** 2)) / (original.std() or 1.0))


def _report(
    network: Network, draft: Draftwork, options: ImportOptions, fitted: FittedNetwork, labelling: _Labelling
) -> ImportReport:
    held = labelling.held
    before, after = labelling.original.argmax(axis=1), labelling.imported.argmax(axis=1)
    judged = held if held.any() else ~held
    right = None if labelling.truth is None else labelling.truth[judged]
    return ImportReport(
        model=network.name,
        frame_shape=network.frame_shape,
        labels=network.labels,
        layers=tuple(type(layer).__name__ for layer in network.layers),
        activations=tuple(
            ActivationReport(
                each.activation.node, each.activation.kind, each.fit.degree, each.fit.rms, each.fit.relative
            )
            for each in fitted.activations
        ),
        degree=options.degree,
        squarings=squarings(draft.items, fitted.degrees),
        squarings_by_degree={str(each): squarings(draft.items, [each] * len(fitted.activations)) for each in DEGREES},
        left_out=draft.left_out,
        threshold=draft.threshold,
        threshold_assumed=draft.threshold == UNKNOWN_THRESHOLD and options.threshold is None,
        rounding_left_out=draft.rounds,
        frames=len(before),
        held_out=int(held.sum()),
        original_accuracy=None if right is None else float(np.mean(before[judged] == right)),
        imported_accuracy=None if right is None else float(np.mean(after[judged] == right)),
        agreement=float(np.mean(before[judged] == after[judged])),
        agreement_seen=float(np.mean(before[~held] == after[~held])),
        values_error=None if options.output == LABELS else labelling.error(judged),
    )
