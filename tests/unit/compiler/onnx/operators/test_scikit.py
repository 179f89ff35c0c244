"""Models of scikit-learn, in the operators of ai.onnx.ml that skl2onnx writes."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from common.errors import NetworkError
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import converted, frames_for, make_model, node, save

RNG = np.random.default_rng(4)
FRAME = (4, 5, 1)
learned = partial(node, domain="ai.onnx.ml")


def model_of(nodes: list[onnx.NodeProto], outputs: list[Any], opset: int = 17, **constants: Any) -> onnx.ModelProto:
    """A model of features "x" (batch, 20) with these outputs."""
    model = make_model(nodes, ("n", 20), constants, opset)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    return model


def classifier(labels: int, rows: int, transform: str) -> onnx.NodeProto:
    return learned(
        "LinearClassifier",
        "x",
        "label p",
        coefficients=RNG.normal(size=rows * 20).tolist(),
        intercepts=RNG.normal(size=rows).tolist(),
        classlabels_ints=list(range(labels)),
        multi_class=1,
        post_transform=transform,
    )


LABEL = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
SCORES = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", None])
MAPS = onnx.ValueInfoProto(
    name="maps",
    type=helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    ),
)


def run(path: Path, frames: NDArray[np.uint8], output: str) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run([output], {"x": (frames / 255).reshape(len(frames), -1).astype(np.float32)})
    return np.asarray(found)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize(("labels", "rows"), [(5, 5), (2, 2), (2, 1)])
def test_a_linear_classifier(tmp_path: Path, transform: str, labels: int, rows: int) -> None:
    path = save(model_of([classifier(labels, rows, transform)], [LABEL, SCORES]), tmp_path)
    draft = converted(path, FRAME)
    frames = frames_for(draft, 60)
    expected = run(path, frames, "label")
    assert draft.scores == labels and len(set(expected)) > 1
    assert np.array_equal(scores(draft.items, frames, lambda: None).argmax(axis=1), expected)
    assert draft.left_out == {"NONE": (), "LOGISTIC": ("Sigmoid",), "SOFTMAX": ("Softmax",)}[transform]


@pytest.mark.parametrize("opset", [9, 22])
def test_a_logistic_regression_with_its_scaler_and_its_map(tmp_path: Path, opset: int) -> None:
    nodes = [
        learned("Scaler", "x", "scaled", offset=RNG.normal(size=20).tolist(), scale=RNG.uniform(0.5, 2, 20).tolist()),
        classifier(5, 5, "SOFTMAX"),
        learned("Normalizer", "p", "shares", norm="L1"),
        learned("ZipMap", "shares", "maps", classlabels_int64s=list(range(5))),
    ]
    nodes[1].input[0] = "scaled"
    path = save(model_of(nodes, [LABEL, MAPS], opset), tmp_path)
    draft = converted(path, FRAME)
    frames = frames_for(draft, 60)
    assert np.array_equal(scores(draft.items, frames, lambda: None).argmax(axis=1), run(path, frames, "label"))
    by_label = converted(path, FRAME, output_name="label")
    assert by_label.items[-1].weight.shape == draft.items[-1].weight.shape


def test_a_scaler_of_one_number_and_a_regression(tmp_path: Path) -> None:
    nodes = [
        learned("Scaler", "x", "scaled", offset=[0.3], scale=[2.0]),
        learned(
            "LinearRegressor",
            "scaled",
            "p",
            coefficients=RNG.normal(size=40).tolist(),
            intercepts=[1.0, 2.0],
            targets=2,
        ),
    ]
    path = save(model_of(nodes, [SCORES]), tmp_path)
    draft = converted(path, FRAME, output="values")
    frames = frames_for(draft, 20)
    assert np.abs(scores(draft.items, frames, lambda: None) - run(path, frames, "p")).max() < 1e-4


def test_features_that_are_chosen(tmp_path: Path) -> None:
    nodes = [learned("ArrayFeatureExtractor", "x chosen", "c"), node("MatMul", "c a", "p")]
    constants = {"chosen": np.array([3, 19, 0]), "a": RNG.normal(size=(3, 4))}
    path = save(model_of(nodes, [SCORES], **constants), tmp_path)
    draft = converted(path, FRAME)
    frames = frames_for(draft, 20)
    assert np.abs(scores(draft.items, frames, lambda: None) - run(path, frames, "p")).max() < 1e-4


def test_a_multilayer_perceptron_whose_labels_are_named(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x a", "m"),
        node("Relu", "m", "r"),
        node("MatMul", "r b", "s"),
        node("Softmax", "s", "p"),
        node("ArgMax", "p", "best", axis=1),
        learned("ArrayFeatureExtractor", "classes best", "names"),
        node("Reshape", "names all", "flat"),
        node("Cast", "flat", "label", to=TensorProto.INT64),
    ]
    constants = {
        "a": RNG.normal(size=(20, 8)),
        "b": RNG.normal(size=(8, 3)),
        "classes": np.array([7, 8, 9], dtype=np.int32),
        "all": np.array([-1]),
    }
    path = save(model_of(nodes, [LABEL, SCORES], **constants), tmp_path)
    for name in (None, "label"):
        draft = converted(path, FRAME, output_name=name)
        frames = frames_for(draft, 60)
        found = scores(draft.items, frames, lambda: None).argmax(axis=1)
        assert np.array_equal(found + 7, run(path, frames, "label"))
        assert draft.left_out[0] == "Softmax"


@pytest.mark.parametrize(
    ("nodes", "part"),
    [
        ([learned("Binarizer", "x", "p", threshold=0.5)], "(Binarizer)"),
        ([learned("TreeEnsembleClassifier", "x", "label p")], "comparisons can't be made on ciphertexts"),
        ([learned("ArrayFeatureExtractor", "x x", "p")], "input 1 depends on the frame"),
        ([learned("ArrayFeatureExtractor", "x far", "p")], "its places aren't all from 0 to 19"),
        ([classifier(5, 5, "PROBIT")], "its post_transform is 'PROBIT'"),
        ([classifier(4, 5, "NONE")], "100 coefficients and 5 intercepts don't fit 20 features, 4 scores"),
        ([learned("LinearRegressor", "x", "p", coefficients=[1.0] * 20, post_transform="LOGISTIC")], "must be NONE"),
        ([learned("LinearRegressor", "x", "p", coefficients=[float("inf")] * 20)], "aren't finite"),
        ([learned("Scaler", "x", "p", offset=[float("nan")])], "aren't finite"),
        ([learned("Normalizer", "x", "n", norm="MAX"), node("Identity", "n", "p")], "use the norm L1 or L2"),
    ],
)
def test_what_is_not_linear_is_refused(tmp_path: Path, nodes: list[onnx.NodeProto], part: str) -> None:
    with pytest.raises(NetworkError) as caught:
        converted(save(model_of(nodes, [SCORES], far=np.array([20])), tmp_path), FRAME)
    assert part in str(caught.value)
