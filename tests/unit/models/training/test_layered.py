"""Any of our networks as a PyTorch module: it gives the same scores, and gives the same weights back."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.plan.network import Network
from models.catalogue import load_network, shipped_models
from models.training.layered import Augmentation, LayeredModel
from tests.networks import networks

torch: Any = pytest.importorskip("torch")


def frames_of(network: Network, count: int = 5) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, *network.frame_shape), dtype=np.uint8)


def model_of(network: Network) -> LayeredModel:
    model = LayeredModel(torch, network, Augmentation())
    model.keep_statistics()
    return model


def scores(model: LayeredModel, frames: Any) -> Any:
    with torch.no_grad():
        return model.forward(model.prepare(torch.from_numpy(frames)))[0].numpy()


def agrees(network: Network) -> bool:
    frames = frames_of(network)
    expected = network.scores(frames)
    return bool(np.abs(scores(model_of(network), frames) - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1))


@settings(max_examples=40, deadline=None)
@given(networks())
def test_a_random_network_gives_the_scores_of_its_plain_self(network: Network) -> None:
    assert agrees(network)


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_does_too_and_its_weights_come_back_exactly(name: str) -> None:
    network = load_network(name)
    assert agrees(network)
    again = model_of(network).to_network()
    assert msgspec.json.encode(again, enc_hook=lambda weights: weights.tolist()) == msgspec.json.encode(
        network, enc_hook=lambda weights: weights.tolist()
    )


@settings(max_examples=10, deadline=None)
@given(networks(), st.integers(0, 100))
def test_what_was_trained_is_what_the_network_computes(network: Network, seed: int) -> None:
    model = model_of(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parts.parameters():
            parameter.add_(0.1 * torch.rand(parameter.shape, generator=generator))
    frames = frames_of(network)
    expected = scores(model, frames)
    assert np.abs(model.to_network().scores(frames) - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1)


def test_frames_that_are_not_changed_pass_the_augmentation_as_they_are() -> None:
    network = load_network("digits")
    model = LayeredModel(torch, network, Augmentation(0, 0, 0, 0, 0, 0))
    frames = torch.from_numpy(frames_of(network))
    assert torch.allclose(model.augment(frames), model.prepare(frames), atol=1e-5)


def test_augmented_frames_differ_and_stay_frames() -> None:
    network = load_network("scenes")
    model = LayeredModel(torch, network, Augmentation())
    frames = torch.from_numpy(frames_of(network))
    changed = model.augment(frames)
    assert changed.shape == (5, 3, 32, 32)
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1
    assert (changed - model.prepare(frames)).abs().mean() > 0.01


@given(st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_mirrored_frames_are_frames_seen_from_behind(seed: int) -> None:
    still = dict.fromkeys(("rotation", "scaling", "shear", "shift", "contrast", "brightness"), 0.0)
    network = load_network(shipped_models()[0])
    frames = torch.from_numpy(frames_of(network, 20))
    model = LayeredModel(torch, network, Augmentation(**still, mirrored=True))
    torch.manual_seed(seed)
    plain, found = model.prepare(frames), model.augment(frames)
    same = [torch.allclose(x, y, atol=1e-4) for x, y in zip(plain, found, strict=True)]
    behind = [torch.allclose(x.flip(2), y, atol=1e-4) for x, y in zip(plain, found, strict=True)]
    assert all(a != b for a, b in zip(same, behind, strict=True))
    assert any(same) and any(behind)
