"""Random networks over all that is linear, with residual sums and products, give onnxruntime's scores."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import BlindsightError
from common.plan.network import Network
from compiler.compile import compile_network
from tests.encrypted import CHANCE, evaluator
from tests.onnx_graphs import check, fitted, frames_for, make_model, node, reference, save

pytestmark = pytest.mark.slow
RANDOM = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass
class Growing:
    """A graph that grows by nodes; `shapes` are those of its tensors, without the batch."""

    draw: Any
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.draw(st.integers(0, 2**32 - 1)))

    def constant(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def weights(self, *shape: int) -> str:
        return self.constant(self.rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:]))))

    def add(self, operator: str, inputs: str, shape: tuple[int, ...], **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(operator, inputs, name, **attributes))
        self.shapes[name] = shape
        return name

    def any_of(self, *shape: int) -> str | None:
        """An earlier tensor of a shape."""
        names = [name for name, other in self.shapes.items() if other == shape]
        return self.draw(st.sampled_from(names)) if names else None


def grown(growing: Growing, x: str, kind: str) -> str:
    """The tensor behind an operator of this kind, of (channels, height, width)."""
    draw, rng, (c, h, w) = growing.draw, growing.rng, growing.shapes[x]
    add, constant, weights = growing.add, growing.constant, growing.weights
    match kind:
        case "Conv":
            out = draw(st.integers(1, 4))
            return add("Conv", f"{x} {weights(out, c, 3, 3)}", (out, h, w), pads=[1] * 4)
        case "ConvTranspose" if max(h, w) < 8:
            out, step = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            shape = (out, (h - 1) * step + 2, (w - 1) * step + 1)
            return add("ConvTranspose", f"{x} {weights(c, out, 3, 2)}", shape, strides=[step] * 2, pads=[0, 1, 1, 0])
        case "Concat":
            other = growing.any_of(c, h, w)
            return add("Concat", f"{x} {other}", (2 * c, h, w), axis=1) if c < 6 else x
        case "Slice" if h > 2:
            start, step = draw(st.integers(0, 1)), draw(st.integers(1, 2))
            bounds = " ".join(constant([value]) for value in (start, h, 2, step))
            return add("Slice", f"{x} {bounds}", (c, -(-(h - start) // step), w))
        case "Split" if c > 1:
            part = add("Split", f"{x} {constant([1, c - 1])}", (1, h, w), axis=1)
            growing.nodes[-1].output.append(f"{part}rest")
            growing.shapes[f"{part}rest"] = (c - 1, h, w)
            return draw(st.sampled_from([part, f"{part}rest"]))
        case "Gather":
            return add("Gather", f"{x} {constant(rng.integers(-c, c, 3))}", (3, h, w), axis=1)
        case "Shuffle" if c % 2 == 0:
            split = add("Reshape", f"{x} {constant([0, 2, c // 2, h, w])}", ())
            turned = add("Transpose", split, (), perm=[0, 2, 1, 3, 4])
            return add("Reshape", f"{turned} {constant([0, c, h, w])}", (c, h, w))
        case "Transpose":
            return add("Transpose", x, (c, w, h), perm=[0, 1, 3, 2])
        case "SpaceToDepth" if h % 2 == w % 2 == 0 and c < 3:
            return add("SpaceToDepth", x, (4 * c, h // 2, w // 2), blocksize=2)
        case "DepthToSpace" if c % 4 == 0 and max(h, w) < 6:
            return add(
                "DepthToSpace", x, (c // 4, 2 * h, 2 * w), blocksize=2, mode=draw(st.sampled_from(["DCR", "CRD"]))
            )
        case "Resize":
            to = draw(st.integers(1, 9)), draw(st.integers(1, 9))
            mode = draw(st.sampled_from(["nearest", "linear"]))
            return add("Resize", f"{x}   {constant([1, c, *to])}", (c, *to), mode=mode)
        case "Pad" if min(h, w) > 2:
            top, right = draw(st.integers(-1, 2)), draw(st.integers(-1, 2))
            mode = draw(st.sampled_from(["constant", "reflect", "edge"]))
            inputs = f"{x} {constant([0, 0, top, 0, 0, 0, 0, right])} {constant(np.float32(rng.normal()))}"
            return add("Pad", inputs, (c, h + top, w + right), mode=mode)
        case "AveragePool" if min(h, w) > 2:
            shape = (c, -(-(h - 2) // 2) + 1, -(-(w - 2) // 2) + 1)
            return add("AveragePool", x, shape, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
        case "Image":
            return add(draw(st.sampled_from(["Add", "Mul", "Sub"])), f"{x} {weights(c, h, w)}", (c, h, w))
        case "Mean":
            mean = add("ReduceMean", x, (c, 1, w), axes=[2], keepdims=1)
            return add("Sub", f"{x} {mean}", (c, h, w))
        case "Residual":
            return add("Add", f"{growing.any_of(c, h, w)} {x}", (c, h, w))
        case "Square":
            return add("Mul", f"{x} {x}", (c, h, w))
        case "Gate":
            mean = add("GlobalAveragePool", x, (c, 1, 1))
            gate = add("Conv", f"{mean} {weights(c, c, 1, 1)}", (c, 1, 1))
            return add("Mul", f"{x} {gate}", (c, h, w))
        case "MatMul":
            return add("MatMul", f"{x} {weights(w, 3)}", (c, h, 3))
        case "Relu":
            return add("Relu", x, (c, h, w))
    return x


LINEAR = ["Conv", "ConvTranspose", "Concat", "Slice", "Split", "Gather", "Shuffle", "Transpose", "SpaceToDepth"]
LINEAR += ["DepthToSpace", "Resize", "Pad", "AveragePool", "Image", "Mean", "Residual", "MatMul"]


@st.composite
def graphs(draw: st.DrawFn, kinds: tuple[str, ...], most: int, most_products: int = 9) -> Any:
    growing = Growing(draw)
    shape = draw(st.integers(1, 3)), draw(st.integers(4, 8)), draw(st.integers(4, 8))
    growing.shapes["x"] = shape
    x, products = "x", 0
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from([*LINEAR, *kinds]))
        products += kind in ("Square", "Gate")
        x = grown(growing, x, kind) if products <= most_products or kind in LINEAR else x
    size = int(np.prod(growing.shapes[x]))
    flat = growing.add("Flatten", x, (size,))
    growing.nodes.append(node("MatMul", f"{flat} {growing.weights(size, 3)}"))
    return make_model(growing.nodes, ("n", *shape), growing.constants)


@settings(RANDOM, max_examples=100)
@given(graphs(("Square", "Gate", "Relu"), 8))
def test_in_plain(tmp_path_factory: pytest.TempPathFactory, model: Any) -> None:
    check(save(model, tmp_path_factory.mktemp("graph")))


@settings(RANDOM, max_examples=8)
@given(graphs(("Square", "Gate"), 6, most_products=1))
def test_encrypted(tmp_path_factory: pytest.TempPathFactory, model: Any) -> None:
    path = save(model, tmp_path_factory.mktemp("graph"))
    draft = check(path)
    frames = frames_for(draft, 16)
    made = fitted(draft.items, frames)
    if made.activations:
        return
    network = Network("random", draft.frame_shape, tuple("abc"), made.layers)
    try:
        plan = compile_network(network, frames)
    except BlindsightError as error:
        assert "linear stage" in str(error)
        return
    found = evaluator(plan)(frames[:1])
    expected = reference(path, frames[:1])
    assert np.abs(found - expected).max() <= CHANCE * plan.head.error_bound + 1e-4 * np.abs(expected).max()


@st.composite
def chains(draw: st.DrawFn) -> Any:
    """A chain of random operators, with residual sums where shapes allow."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, size = draw(st.integers(1, 3)), draw(st.tuples(st.integers(4, 8), st.integers(4, 8)))
    shape = (draw(st.sampled_from(["n", 1, 3])), channels, *size)
    nodes, constants, current, earlier = [], {}, "x", ["x"]
    for place in range(draw(st.integers(1, 7))):
        name = f"t{place}"
        kind = draw(st.sampled_from(["Conv", "Same", "Mul", "Relu", "Affine", "Norm", "Residual", "Pad"]))
        if kind in ("Conv", "Same"):
            wide = draw(st.integers(1, 4)) if kind == "Conv" else channels
            constants[f"w{place}"] = rng.normal(size=(wide, channels, 3, 3)) / 3
            stride = [draw(st.integers(1, 2)), 1] if kind == "Conv" else [1, 1]
            nodes.append(node("Conv", f"{current} w{place}", name, pads=[1] * 4, strides=stride))
            earlier = earlier if kind == "Same" else []
            channels = wide
        elif kind == "Residual":
            nodes.append(node("Add", f"{draw(st.sampled_from(earlier))} {current}", name))
        elif kind == "Affine":
            constants[f"k{place}"] = rng.normal(size=(channels, 1, 1))
            nodes.append(node(draw(st.sampled_from(["Add", "Mul", "Sub"])), f"{current} k{place}", name))
        elif kind == "Norm":
            for key in ("gamma", "beta", "mean", "variance"):
                constants[f"{key}{place}"] = rng.uniform(0.5, 1.5, channels)
            inputs = " ".join(f"{key}{place}" for key in ("gamma", "beta", "mean", "variance"))
            nodes.append(node("BatchNormalization", f"{current} {inputs}", name))
        elif kind == "Pad":
            constants[f"p{place}"] = np.array([0, 0, *rng.integers(0, 2, 2), 0, 0, *rng.integers(0, 2, 2)])
            nodes.append(node("Pad", f"{current} p{place}", name))
            earlier = []
        else:
            nodes.append(node(kind, current if kind == "Relu" else f"{current} {current}", name))
        current = name
        earlier.append(current)
    nodes.append(node("GlobalAveragePool", current, "g") if draw(st.booleans()) else node("Identity", current, "g"))
    nodes.append(node("Flatten", "g"))
    return make_model(nodes, shape, constants, draw(st.sampled_from([11, 13, 17, 21])))


@settings(RANDOM, max_examples=100)
@given(chains())
def test_random_chains_give_the_scores_of_onnxruntime(tmp_path: Path, model: Any) -> None:
    check(save(model, tmp_path))
