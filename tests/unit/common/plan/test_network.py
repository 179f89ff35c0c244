"""Each layer's forward pass is what its definition says, computed here by plain loops."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import FrameError, NetworkError
from common.plan.layers import Add, AvgPool2d, Crop, Flatten, Linear, Multiply, Recall
from common.plan.network import Network
from tests.networks import random_batch_norm, random_conv, random_dense, random_frames, random_linear, random_polynomial

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 6, 7))


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_conv2d(stride: int, padding: int) -> None:
    layer = random_conv(RNG, 4, 3, (3, 2), stride=stride, padding=padding)
    out = layer.forward(X)
    padded = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for n, o, i, j in np.ndindex(out.shape):
        window = padded[n, :, i * stride : i * stride + 3, j * stride : j * stride + 2]
        assert out[n, o, i, j] == pytest.approx((window * layer.weight[o]).sum() + layer.bias[o])
    assert out.shape[2:] == ((6 + 2 * padding - 3) // stride + 1, (7 + 2 * padding - 2) // stride + 1)


def test_conv2d_copies_the_windows_of_a_few_frames_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = random_conv(RNG, 4, 3, (3, 2))
    frames = RNG.normal(size=(5, 3, 6, 7))
    expected = layer.forward(frames)
    monkeypatch.setattr("common.plan.layers._MOST_SEEN", 2 * 3 * 4 * 6 * 3 * 2)
    assert np.allclose(layer.forward(frames), expected, rtol=0, atol=1e-12)


def test_avg_pool2d() -> None:
    out = AvgPool2d(2, 3).forward(X)
    assert out.shape == (2, 3, 2, 2)
    assert out[1, 2, 1, 1] == pytest.approx(X[1, 2, 3:5, 3:5].mean())


def test_batch_norm_polynomial_crop_flatten_and_dense() -> None:
    norm = random_batch_norm(RNG, 3)
    expected = (X[0, 1, 2, 3] - norm.mean[1]) / np.sqrt(norm.variance[1] + norm.epsilon) * norm.gamma[1] + norm.beta[1]
    assert norm.forward(X)[0, 1, 2, 3] == pytest.approx(expected)
    polynomial = random_polynomial(RNG, 3)
    value = X[1, 2, 0, 0]
    expected = polynomial.a[2] * value**2 + polynomial.b[2] * value + polynomial.c[2]
    assert polynomial.forward(X)[1, 2, 0, 0] == pytest.approx(expected)
    assert np.array_equal(Crop(1, 2, 3, 4).forward(X), X[:, :, 1:4, 2:6])
    flat = Flatten().forward(X)
    assert flat[1, 1 * 42 + 2 * 7 + 3] == X[1, 1, 2, 3]
    dense = random_dense(RNG, 5, 126)
    assert dense.forward(flat)[0, 4] == pytest.approx(sum(flat[0] * dense.weight[4]) + dense.bias[4])


def test_linear_takes_each_weight_and_leaves_the_bias_where_it_has_none() -> None:
    rows, columns = np.array([0, 0, 0, 2], np.int32), np.array([5, 1, 5, 125], np.int32)
    layer = Linear(rows, columns, np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 1.5, 2.5, 3.5]), (1, 2, 2))
    out = layer.forward(X)
    flat = X.reshape(2, -1)
    assert out.shape == (2, 1, 2, 2)
    assert out[:, 0, 0, 0] == pytest.approx(4 * flat[:, 5] + 2 * flat[:, 1] + 0.5)
    assert out[:, 0, 1, 0] == pytest.approx(4 * flat[:, 125] + 2.5)
    assert out[:, 0, :, 1].tolist() == [[1.5, 3.5]] * 2
    nothing = Linear(rows[:0], columns[:0], np.zeros(0), np.array([7.0]), (1,))
    assert nothing.forward(X).tolist() == [[7.0], [7.0]]


def test_layers_that_join_their_input_to_an_earlier_output() -> None:
    half = (
        Crop(0, 0, 6, 7),
        Linear(
            np.arange(126, dtype=np.int32), np.arange(126, dtype=np.int32)[::-1], np.ones(126), np.zeros(126), (3, 6, 7)
        ),
    )
    turned = X[:, ::-1, ::-1, ::-1]
    for layer, expected in ((Add(0), X + turned), (Multiply(-1), X * turned), (Recall(0), X)):
        network = Network("n", (6, 7, 3), (), (*half, layer))
        assert np.allclose(network.forward(X), expected)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (random_conv(RNG, 2, 1, (3, 3)), r"layer 0 \(Conv2d\): Conv2d takes 1 channels"),
        (random_conv(RNG, 2, 3, (9, 3)), r"a kernel of 9×3 doesn't fit in 6×7"),
        (random_dense(RNG, 2, 3), r"layer 0 \(Dense\).*put Flatten before it"),
        (random_batch_norm(RNG, 5), "BatchNorm has 5 channels, its input 3"),
        (random_polynomial(RNG, 2), "Polynomial has 2 channels, its input 3"),
        (Crop(4, 0, 4, 4), "doesn't fit in 6×7"),
        (AvgPool2d(8, 1), "doesn't fit"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layer: object, message: str) -> None:
    network = Network("n", (6, 7, 3), ("a", "b"), (layer,))
    with pytest.raises(NetworkError, match=message):
        network.forward(X)


def make(tmp_path: Path) -> tuple[Network, Path]:
    layers = (
        Crop(0, 0, 4, 4),
        random_conv(RNG, 2, 1, (2, 2)),
        random_batch_norm(RNG, 2),
        random_polynomial(RNG, 2),
        AvgPool2d(2, 1),
        random_linear(RNG, (2, 2, 2), (2, 2, 2)),
        Multiply(4),
        Flatten(),
        random_dense(RNG, 3, 8),
    )
    network = Network("small", (5, 6, 1), ("a", "b", "c"), layers)
    network.save(tmp_path / "network.npz")
    return network, tmp_path / "network.npz"


def test_a_network_comes_back_from_its_file(tmp_path: Path) -> None:
    network, path = make(tmp_path)
    frames = random_frames(network, 3)
    loaded = Network.load(path)
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in network.layers]
    assert np.allclose(loaded.scores(frames), network.scores(frames), atol=1e-5)


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda _: b"", lambda _: b"no zip" * 50])
def test_a_damaged_file_is_refused(tmp_path: Path, damage) -> None:
    _, path = make(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(NetworkError, match="isn't a network file"):
        Network.load(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_bit_flipped_anywhere_is_refused_or_leaves_a_network(tmp_path_factory, data: st.DataObject) -> None:
    _, path = make(tmp_path_factory.mktemp("flip"))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        loaded = Network.load(path)
    except NetworkError:
        return
    assert len(loaded.layers) == 9


def test_an_array_alone_is_no_network(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(NetworkError, match="isn't a network file"):
        Network.load(tmp_path / "array.npy")


@pytest.mark.parametrize(
    "frames", [np.zeros((1, 6, 5), np.uint8), np.zeros((1, 5, 6, 3), np.uint8), np.zeros((1, 5, 6, 1), np.float64)]
)
def test_frames_of_another_shape_or_type_are_refused(tmp_path: Path, frames: np.ndarray) -> None:
    network, _ = make(tmp_path)
    with pytest.raises(FrameError, match="the model takes 5×6 with 1 channel, uint8"):
        network.scores(frames)
