"""PyTorch modules as ONNX files, which is the form that the compiler reads."""

import contextlib
import inspect
import io
import sys
import tempfile
import warnings
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, NetworkError

#: Old enough for the first PyTorch that we support, and read by the importer.
_OPSET = 17


def is_module(net: object) -> bool:
    """Whether this is a `torch.nn.Module`; PyTorch isn't imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(net, torch.nn.Module)


@contextlib.contextmanager
def exported(net: object, frames: NDArray[np.uint8]) -> Iterator[Path]:
    """The ONNX file of a module for such frames (n, h, w[, c]), while entered; or the path itself where `net` is one.

    Raises `NetworkError` when PyTorch can't export the module, and `ConfigurationError` for anything else.
    """
    if isinstance(net, str | PathLike):
        yield Path(net)
        return
    if not is_module(net):
        raise ConfigurationError(
            f"net is a {type(net).__name__}; give a torch.nn.Module, the path of an ONNX file, or a blindsight.Network"
        )
    with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
        path = Path(folder) / "network.onnx"
        _export(net, frames, path)
        yield path


def _export(net: Any, frames: NDArray[np.uint8], path: Path) -> None:
    import torch

    height, width = frames.shape[1:3]
    first = next(iter(net.parameters()), torch.zeros(1))
    example = torch.zeros(1, frames.shape[3] if frames.ndim == 4 else 1, height, width).to(first)
    # The exporter of old: it needs no further package, and PyTorch before 2.5 has no other.
    options: dict[str, Any] = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it tells about itself
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (example,), str(path), opset_version=_OPSET, **options)
    except Exception as error:  # it raises whatever it stumbles over, in the module's own code too
        raise NetworkError(
            f"torch.onnx.export can't export {type(net).__name__} for frames {frames.shape[1:]}: {error}"
        ) from error
    finally:
        for module, training in modes.items():
            module.training = training
