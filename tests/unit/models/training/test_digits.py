"""Training: reproducible, of the promised shape, and clear about what it can't use."""

import sys
from typing import Any

import numpy as np
import pytest

from common.errors import BlindsightError, ConfigurationError, FrameError
from common.plan.layers import Polynomial
from common.plan.network import Network
from compiler.compile import compile_network
from models.training import train_digits

LABELS = np.arange(512) % 10
# A bright bar whose place tells the class, on noise.
FRAMES = np.random.default_rng(0).integers(0, 100, (512, 28, 28)).astype(np.uint8)
FRAMES[np.arange(512), 4 + 2 * LABELS, 4:24] = 250


def _train(seed: int = 0, epochs: int = 1, **options: Any) -> Network:
    pytest.importorskip("torch")
    return train_digits(FRAMES, LABELS, epochs=epochs, seed=seed, **options)


def test_one_seed_gives_the_same_weights_and_another_gives_others() -> None:
    first, second, other = (_train(seed).scores(FRAMES) for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_training_leaves_torchs_global_state_alone() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads(), torch.random.get_rng_state()
    _train()
    assert torch.get_num_threads() == before[0]
    assert (torch.random.get_rng_state() == before[1]).all()
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_learns_from_frames_sorted_by_class() -> None:
    pytest.importorskip("torch")
    order = np.argsort(LABELS, kind="stable")
    losses: list[float] = []
    network = train_digits(
        FRAMES[order], LABELS[order], epochs=12, progress=lambda epoch, epochs, loss: losses.append(loss)
    )
    assert len(losses) == 12 and losses[-1] < losses[0]
    assert (network.scores(FRAMES).argmax(axis=1) == LABELS).mean() > 0.5


def test_weights_survive_saving_and_the_network_compiles(tmp_path: Any) -> None:
    network = _train()
    network.save(tmp_path / "network.npz")
    assert (Network.load(tmp_path / "network.npz").scores(FRAMES) == network.scores(FRAMES)).all()
    assert compile_network(network, FRAMES[:64]).head.labels == tuple("0123456789")


def test_the_activation_x2_2x_is_not_learned() -> None:
    polynomials = [layer for layer in _train(activation="x2+2x").layers if isinstance(layer, Polynomial)]
    assert [len(layer.a) for layer in polynomials] == [32, 64]
    for layer in polynomials:
        assert (layer.a == 1).all() and (layer.b == 2).all() and (layer.c == 0).all()


def test_without_activations_the_network_is_linear() -> None:
    network = _train(activation="none")
    assert not any(isinstance(layer, Polynomial) for layer in network.layers)
    black, some = np.zeros_like(FRAMES[:1]), FRAMES[:2] // 2
    constant = network.scores(black)
    assert np.allclose(network.scores(some[:1] + some[1:]), network.scores(some).sum(axis=0) - constant)


@pytest.mark.parametrize(
    ("frames", "labels", "epochs", "error", "message"),
    [
        (FRAMES[:, 1:], LABELS, 1, FrameError, r"\(512, 27, 28\)"),
        (FRAMES / 255, LABELS, 1, FrameError, "float64"),
        (FRAMES[:1], LABELS[:1], 1, FrameError, "at least 2"),
        (FRAMES, LABELS[1:], 1, FrameError, "labels"),
        (FRAMES, LABELS + 1, 1, FrameError, "from 0 to 9"),
        (FRAMES, LABELS, 0, ConfigurationError, "epochs is 0"),
    ],
)
def test_what_cannot_be_trained_on(
    frames: Any, labels: Any, epochs: int, error: type[BlindsightError], message: str
) -> None:
    pytest.importorskip("torch")
    with pytest.raises(error, match=message):
        train_digits(frames, labels, epochs=epochs)


def test_without_torch_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigurationError, match=r"-m pip install torch$"):
        train_digits(FRAMES, LABELS, epochs=1)
