"""A case, and its outcome."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from common.errors import BlindsightError
from compiler.onnx.draft.draft import Activation
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import FLAT, converted, frames_for, make_model, node, reference, save

#: What a case's frames are, batch first, unless it says otherwise.
SHAPE = ("n", 4, 6, 6)
#: The form of an operator that has no others.
ANY = "any form"
#: Frames that an outcome is found on.
_FRAMES = 12
#: Largest error of what is exact, as a share of the largest score.
EXACT = 1e-4


class Kind(Enum):
    """What an import makes of an operator."""

    EXACT = "exact"
    FITTED = "fitted"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """The kind, and for `REFUSED` what the import says of the node, without its name."""

    kind: Kind
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Case:
    """Nodes from "x" to "y" that show one form of an operator."""

    operator: str
    form: str
    nodes: Sequence[onnx.NodeProto]
    constants: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int | str, ...] = SHAPE
    opset: int = 17
    kind: int = TensorProto.FLOAT
    #: Largest error, as a share of the largest score: more where onnxruntime rounds and the import doesn't.
    error: float = EXACT
    #: Height, width and channels of a frame, where the graph's input doesn't tell.
    frame: tuple[int, int, int] | None = None

    def __str__(self) -> str:
        return f"{self.operator}: {self.form}"

    def model(self) -> onnx.ModelProto:
        """The graph as a model, with those constants that its nodes take."""
        taken = {name for made in self.nodes for name in made.input}
        constants = {name: value for name, value in self.constants.items() if name in taken}
        model = make_model(self.nodes, self.shape, constants, self.opset, kind=self.kind)
        model.graph.output[0].ClearField("type")  # which onnxruntime finds out
        for domain in {made.domain for made in self.nodes if made.domain}:
            model.opset_import.append(helper.make_opsetid(domain, 3))
        return model


class WrongError(AssertionError):
    """An import gives other scores than onnxruntime."""


@cache
def outcome(case: Case) -> Outcome:
    """What an import makes of a case. Raises `WrongError` where it gives other scores than onnxruntime."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(case.model(), Path(folder))
        try:
            draft = converted(path, case.frame)
        except BlindsightError as error:
            return Outcome(Kind.REFUSED, _sentence(str(error), folder))
        frames = frames_for(draft, _FRAMES)
        found, expected = scores(draft.items, frames, lambda: None), reference(path, frames)
    if found.shape == expected.shape and np.abs(found - expected).max() <= case.error * float(np.abs(expected).max()):
        fitted = any(isinstance(item, Activation) for item in draft.items)
        return Outcome(Kind.FITTED if fitted else Kind.EXACT)
    if not _decide_alike(found, expected):
        raise WrongError(f"{case}: scores that onnxruntime gives neither like this nor in this order")
    return Outcome(Kind.DROPPED)


def _decide_alike(found: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    """Whether all scores are in the same order, where some may be one; or the network itself gives the label."""
    if expected.shape == found.shape:
        ordered = np.take_along_axis(expected, found.argsort(axis=1), axis=1)
        return bool(np.all(np.diff(ordered, axis=1) >= -EXACT * np.abs(expected).max()))
    return expected.shape[1:] == (1,) and np.array_equal(found.argmax(axis=1), expected[:, 0])


def _sentence(message: str, folder: str) -> str:
    """What a refusal says, without the file, the names of nodes, and the list of all supported operators."""
    message = re.sub(r"[;,.]? ?supported are: .*$", "", message, flags=re.S)
    message = re.sub(rf"^{re.escape(folder)}/net\.onnx:? ", "", message).removeprefix("not supported: ")
    message = re.sub(r"(^|, )node '[^']*' \([^()]*\):? ?", "", message).strip()
    message = re.sub(r"node '[^']*' \((\w+)\)", r"\1", message)
    return re.sub(r"^\((.*)\)$", r"\1", message)


def case(operator: str, form: str, *nodes: onnx.NodeProto, **rest: Any) -> Case:
    """A case; what isn't a field of `Case` is a constant of the graph."""
    fields = {name: rest.pop(name) for name in ("shape", "opset", "kind", "error", "frame") if name in rest}
    return Case(operator, form, nodes, {name: np.asarray(value) for name, value in rest.items()}, **fields)


def one(operator: str, form: str, inputs: str = "x", **rest: Any) -> Case:
    """A case of one node with these inputs, and Flatten behind it; attributes are a dictionary `with_`."""
    attributes = rest.pop("with_", {})
    return case(operator, form, node(operator, inputs, "h", **attributes), FLAT, **rest)


def weights(*shape: int) -> Any:
    """Weights of a spread that keeps values near 1, the same for a shape each time."""
    return np.random.default_rng(sum(shape)).normal(size=shape) / np.sqrt(float(np.prod(shape[1:])))
