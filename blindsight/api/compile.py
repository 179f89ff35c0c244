"""Networks to plans, from PyTorch, ONNX or layers put together by hand.

For readers of Concrete ML: `compile` and `Plan.save` are what `FHEModelDev` is there.
"""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blindsight.api.export import exported, is_module
from common.errors import ConfigurationError, FrameError
from common.logs import get_logger
from common.plan import layers
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.onnx.importing import LEAST_AGREEMENT, ImportReport, import_with_frames
from compiler.onnx.options import ImportOptions
from models.batching import AUTO, parse_frames
from models.plans import compile_on_frames

if TYPE_CHECKING:
    import torch

__all__ = ["compile", "import_network", "layers"]

Frames: TypeAlias = NDArray[np.uint8]
#: Called with what is being done, and how much of it is done, from 0 to 1.
Progress: TypeAlias = Callable[[str, float], None]
Numbers: TypeAlias = float | Sequence[float]

log = get_logger(__name__)


def compile(
    net: "torch.nn.Module | Network | str | PathLike[str]",
    frames: Frames,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    mean: Numbers = 0.0,
    std: Numbers = 1.0,
    degree: int = 2,
    replace_maxpool: Literal["mean", "strided"] | None = None,
    security_bits: int = 128,
    frames_per_ciphertext: int | Literal["auto"] = 1,
    encrypt_from: int | Literal["last"] = 0,
    sealed: bool = False,
    objective: Literal["fast", "small"] = "fast",
    error_budget: float | None = None,
    progress: Progress = lambda what, share: None,
) -> Plan:
    """Compile a network into the cheapest plan found for it; the same as `blindsight model import` and `model compile`.

    `net` is a PyTorch module, the path of an ONNX file, or a `Network`. `frames` (n, h, w[, c]) uint8 are what it will
    see, hundreds of them rather than dozens: activations are fitted on them, and the plan's precision is chosen for
    their scores. `name`, `labels`, `mean`, `std`, `degree` and `replace_maxpool` are those of `import_network`,
    and may not be given for a `Network`, which has its own.

    `security_bits` is 128, 192 or 256. `frames_per_ciphertext`, a power of two or "auto", frames are evaluated
    together. The layers before the one at the place `encrypt_from` are run by devices in plain; "last" is the last
    dense layer.
    `sealed` leaves room for encrypted weights (`seal`). With the `objective` "small" the plan needs a third or less of
    the evaluation keys. `error_budget` bounds the error of a score, as a share of the largest score; by default it is
    what the labels' leads allow.

    Raises `NetworkError` for a network that can't be compiled (`CapacityError` where it is too large), `FrameError` for
    frames that don't fit it, and `ConfigurationError` or `ParameterError` for the other parameters.
    """
    if not isinstance(net, Network):
        net, report = import_network(
            net,
            frames,
            name=name,
            labels=labels,
            mean=mean,
            std=std,
            degree=degree,
            replace_maxpool=replace_maxpool,
            progress=progress,
        )
        write = log.info if report.agreement >= LEAST_AGREEMENT else log.warning
        write("imported", model=net.name, frames=report.frames, agreement=round(report.agreement, 4))
    elif (name, labels, mean, std, degree, replace_maxpool) != (None, None, 0.0, 1.0, 2, None):
        raise ConfigurationError(
            "name, labels, mean, std, degree and replace_maxpool are for networks from PyTorch and ONNX; a Network has "
            "its own name, labels and layers"
        )
    number = parse_frames(str(frames_per_ciphertext)) if frames_per_ciphertext != AUTO else None
    progress("compiling", 0.0)
    plan = compile_on_frames(
        net,
        _checked(frames),
        security_bits,
        number,
        error_budget=error_budget,
        encrypt_from=str(encrypt_from),
        sealed=sealed,
        small=objective == "small",
    )
    progress("compiling", 1.0)
    return plan


def import_network(
    net: "torch.nn.Module | str | PathLike[str]",
    frames: Frames,
    truth: NDArray[np.integer[Any]] | None = None,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    mean: Numbers = 0.0,
    std: Numbers = 1.0,
    degree: int = 2,
    linearise: int = 0,
    output: str = "labels",
    output_name: str | None = None,
    threshold: float | None = None,
    replace_maxpool: Literal["mean", "strided"] | None = None,
    progress: Progress = lambda what, share: None,
) -> tuple[Network, ImportReport]:
    """The network in a PyTorch module or an ONNX file as Blindsight's own, and a report of what that cost.

    The module or file takes (frames / 255 - mean) / std, with channels first, and gives one score for each label.
    Activations that aren't polynomials are fitted on `frames` (n, h, w[, c]) uint8 by polynomials of `degree` 2 or 4,
    and the `linearise` that cost least by lines. Max pooling is replaced by means of its windows, "mean", or by the
    values in their middles, "strided". `report.agreement` is the share of frames held out from the fits whose label
    stayed the same. `truth` (n,) are the indices of the right labels; with them the report has accuracies. `name` is by
    default the file's or the class's, labels "0", "1", ….

    With `output` "values" the scores themselves are wanted, as in regression, and `report.values_error` says how far
    they are off. `output_name` is the output with the scores, where a file has several. A single score becomes two
    labels at `threshold`: by default at 0.5 where it lies between 0 and 1, and at 0 elsewhere.

    A module is exported by `torch.onnx.export`, in evaluation mode, and is left as it was. Raises `NetworkError` for
    what can't be exported or run on ciphertexts, naming the operator; `FrameError` and `ConfigurationError`.
    """
    frames = _checked(frames)
    with exported(net, frames) as path:
        return import_with_frames(
            path,
            frames,
            truth,
            ImportOptions(
                name=name or (type(net).__name__ if is_module(net) else Path(path).stem),
                labels=labels,
                mean=_numbers("mean", mean),
                deviation=_numbers("std", std),
                degree=degree,
                linearise=linearise,
                output=output,
                output_name=output_name,
                threshold=threshold,
                replace_maxpool=replace_maxpool,
            ),
            progress,
        )


def _checked(frames: Frames) -> Frames:
    """Frames as an array. Raises `FrameError` for what can't be frames, whatever the network."""
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8 or frames.ndim not in (3, 4) or not frames.size:
        description = (
            f"shape {frames.shape} and type {frames.dtype}" if isinstance(frames, np.ndarray) else type(frames).__name__
        )
        raise FrameError(
            f"frames is {description}; give a NumPy array (n, height, width[, channels]) of uint8, at least one frame"
        )
    return frames


def _numbers(name: str, value: Numbers) -> Sequence[float]:
    try:
        return [float(each) for each in np.atleast_1d(value)]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} is {value!r}; give a number, or one for each channel") from error
