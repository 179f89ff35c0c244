"""One network of the benchmark: trained, exported, imported, fine-tuned, compiled, and measured on test frames."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.imports.networks import Subject, train
from blindsight.command_line.output import console
from common.engine_names import usual_engine
from common.errors import CapacityError, PlanError
from common.plan.costs import load_costs
from common.plan.network import Network
from common.plan.predictions import plan_ms
from compiler.onnx.draft.draft import Item
from compiler.onnx.fits.choosing import Progress
from compiler.onnx.importing import Refine, import_with_frames
from compiler.onnx.options import ImportOptions
from models.plans import compile_on_frames
from models.saving import chosen_samples
from models.training.importing import fine_tuner

#: Frames of the training set that an import is calibrated on.
_CALIBRATION = 10000
#: Frames that pass the original at a time.
_CHUNK = 500
_SECURITY_BITS = 128


@dataclass(frozen=True)
class Measured:
    """Accuracies and agreement with the original as shares of the test frames, `bar` in points.

    `minutes` is what fine-tuning was given, `processor_minutes` what it got of a processor that others used too.
    `predicted_ms` is an evaluation's time, None where there is no plan, and `refusal` says why.
    """

    name: str
    squarings: int
    original: float
    imported: float
    fine_tuned: float
    agreement_imported: float
    agreement: float
    minutes: float
    processor_minutes: float
    bar: float | None
    predicted_ms: float | None
    refusal: str | None

    @property
    def lost(self) -> float:
        """Points of accuracy that are lost, behind fine-tuning."""
        return 100 * (self.original - self.fine_tuned)

    @property
    def missed(self) -> bool:
        """Whether it loses more than it may, or can't be compiled."""
        return self.refusal is not None or (self.bar is not None and self.lost > self.bar)

    def facts(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


def measure(subject: Subject, data: Path, minutes: float) -> Measured:
    """Train, or take the weights that are there, and go all the way."""
    frames, labels = load(data / f"{subject.data}-train.npz")
    tested, truth = load(data / f"{subject.data}-test.npz")
    net = _trained(subject, data, frames, labels)
    path = _exported(net, data / f"{subject.slug}.onnx", frames)
    original = _labels(net, tested)
    watched = _Watched(fine_tuner(minutes))
    with console.status(f"{subject.name}: importing and fine-tuning"):
        options = ImportOptions(name=subject.slug, replace_maxpool="mean")
        tuned, report = import_with_frames(
            path, frames[:_CALIBRATION], labels[:_CALIBRATION], options, refine=watched.refine
        )
        imported = watched.before
    with console.status(f"{subject.name}: compiling"):
        predicted_ms, refusal = _cost(tuned, frames[:_CALIBRATION])
    before, after = (each.scores(tested).argmax(axis=1) for each in (imported, tuned))
    return Measured(
        name=subject.name,
        squarings=report.squarings,
        original=float(np.mean(original == truth)),
        imported=float(np.mean(before == truth)),
        fine_tuned=float(np.mean(after == truth)),
        agreement_imported=float(np.mean(before == original)),
        agreement=float(np.mean(after == original)),
        minutes=minutes,
        processor_minutes=round(watched.seconds / 60, 2),
        bar=subject.bar,
        predicted_ms=predicted_ms,
        refusal=refusal,
    )


def load(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Frames (n, h, w, c) and labels of a file."""
    with np.load(path) as data:
        frames = data["frames"]
        return frames if frames.ndim == 4 else frames[..., None], data["labels"].astype(np.int64)


class _Watched:
    """A fine-tuning, what the network was before it, and the processor's seconds that it took."""

    before: Network
    seconds: float

    def __init__(self, refine: Refine) -> None:
        self._refine = refine

    def refine(
        self,
        items: Sequence[Item],
        network: Network,
        frames: NDArray[np.uint8],
        labels: NDArray[np.integer[Any]] | None,
        progress: Progress,
    ) -> Network:
        """Fine-tune, and watch."""
        self.before, start = network, time.process_time()
        tuned = self._refine(items, network, frames, labels, progress)
        self.seconds = time.process_time() - start
        return tuned


def _trained(subject: Subject, data: Path, frames: NDArray[np.uint8], labels: NDArray[np.int64]) -> nn.Module:
    weights = data / f"{subject.slug}.pt"
    if not weights.is_file():

        def report(epoch: int, loss: float) -> None:
            console.print(f"{subject.name}: epoch {epoch} of {subject.epochs}, loss {loss:.3f}")

        inputs = torch.from_numpy(frames).permute(0, 3, 1, 2)
        torch.save(train(subject, inputs, torch.from_numpy(labels), report).state_dict(), weights)
    net = subject.build()
    net.load_state_dict(torch.load(weights))
    return net.eval()


def _exported(net: nn.Module, path: Path, frames: NDArray[np.uint8]) -> Path:
    example = torch.zeros(1, frames.shape[3], *frames.shape[1:3])
    torch.onnx.export(net, (example,), str(path), external_data=False, verbose=False)
    return path


@torch.no_grad()
def _labels(net: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The labels of frames (n, h, w, c), by PyTorch itself."""
    chunks = torch.from_numpy(frames).permute(0, 3, 1, 2).split(_CHUNK)
    found: NDArray[np.int64] = torch.cat([net(chunk.float() / 255) for chunk in chunks]).argmax(dim=1).numpy()
    return found


def _cost(network: Network, frames: NDArray[np.uint8]) -> tuple[float | None, str | None]:
    """The predicted time of an evaluation in ms, or why there is no plan."""
    try:
        plan = compile_on_frames(network, frames[chosen_samples(len(frames))], _SECURITY_BITS)
    except (CapacityError, PlanError) as error:
        return None, str(error)
    return round(plan_ms(plan, load_costs(usual_engine())), 1), None
