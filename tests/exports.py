"""Networks of three libraries, exported by the lines that docs/models.md gives for them.

`python -m tests.exports` writes those of PyTorch and scikit-learn in `tests/data/onnx` anew, and needs both; see
README.md there.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.samples import load_samples
from tests.docs.blocks import ROOT, page_blocks
from tests.onnx_graphs import DATA

#: The reason that the blocks with the lines give for not being run with the others of the page.
_MARK = "run by tests/docs/test_exports.py"


def torch_network() -> Any:
    """A small network with what people use: padding, batch norm, ReLU, adaptive pooling, dropout; untrained."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 6, 5, 2, 2, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(7)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Dropout(), nn.Linear(6 * 7 * 7, 10))


def keras_network() -> Any:
    """A convolution, a mean, a dense layer and a softmax; untrained."""
    import keras

    keras.utils.set_random_seed(0)
    first = keras.layers.Conv2D(4, 3, strides=2, activation="relu")
    rest = [keras.layers.AveragePooling2D(2), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((28, 28, 1)), first, *rest])


def sklearn_network() -> Any:
    """A scaler and a dense network with one hidden layer, fitted on the samples of `digits`."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = load_samples("digits").labels
    network = make_pipeline(StandardScaler(), MLPClassifier((10,), max_iter=60, random_state=0))
    return network.fit(frames().reshape(len(labels), -1) / 255, labels)


#: How a network is made, by library, in the page's order.
NETWORKS: dict[str, Callable[[], Any]] = {
    "torch": torch_network,
    "keras": keras_network,
    "sklearn": sklearn_network,
}


def frames() -> NDArray[np.uint8]:
    """Frames (100, 28, 28) of digits."""
    return load_samples("digits").frames[..., 0]


def lines(library: str) -> str:
    """The lines of the page for a library."""
    blocks = [block.text for block in page_blocks(ROOT / "docs" / "models.md") if block.reason == _MARK]
    return dict(zip(NETWORKS, blocks, strict=True))[library]


def export(library: str, folder: Path) -> Path:
    """Run the page's lines in a folder; the file that they write."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        network = NETWORKS[library]()
        if library == "keras":
            network.save("net.keras")
        exec(compile(lines(library), f"docs/models.md: {library}", "exec"), {"net": network, "frames": frames()})
    finally:
        os.chdir(before)
    return folder / "net.onnx"


def main() -> None:
    """Write the files."""
    import tempfile

    import onnx

    for library in ("torch", "sklearn"):
        with tempfile.TemporaryDirectory() as folder:
            model = onnx.load(export(library, Path(folder)))
        for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input):
            del part.metadata_props[:]  # these hold the paths of whoever exported
        (DATA / f"{library}_documented.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
