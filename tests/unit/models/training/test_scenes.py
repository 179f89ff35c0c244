"""Training scenes: the network is what PyTorch trained, and its activations keep within a range."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from common.errors import FrameError
from common.plan.layers import Polynomial
from common.plan.network import Network, run_layers
from models.catalogue import load_network
from models.samples import load_samples
from models.training.scenes import RECIPE, ScenesModel, ScenesRecipe, train_scenes

LABELS = np.arange(128) % 10
# A bright bar whose place and colour tell the class, on noise.
FRAMES = np.random.default_rng(0).integers(0, 100, (128, 32, 32, 3)).astype(np.uint8)
FRAMES[np.arange(128), 6 + 2 * LABELS, 4:28, LABELS % 3] = 250


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def _random_model(torch: Any, seed: int) -> ScenesModel:
    """A model whose every weight and statistic is random."""
    generator = torch.Generator().manual_seed(seed)
    model = ScenesModel(torch, RECIPE)
    model.settle_statistics(torch.from_numpy(FRAMES))
    with torch.no_grad():
        for name, value in model.parts.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                value.copy_(0.5 + noise if "running_var" in name else value + 0.2 * noise - 0.1)
    return model


@pytest.mark.parametrize("seed", [0, 1])
def test_the_network_gives_the_scores_that_torch_gives(torch: Any, seed: int) -> None:
    model = _random_model(torch, seed)
    with torch.no_grad():
        expected = model.forward(model.prepare(torch.from_numpy(FRAMES)))[0].numpy()
    scores = model.to_network().scores(FRAMES)
    assert np.abs(scores - expected).max() < 1e-4 * np.abs(scores).max()


def test_one_seed_gives_the_same_weights_and_another_gives_others(torch: Any, tmp_path: Path) -> None:
    first, second, other = (train_scenes(FRAMES, LABELS, epochs=2, seed=seed) for seed in (1, 1, 2))
    assert (first.scores(FRAMES) == second.scores(FRAMES)).all()
    assert (first.scores(FRAMES) != other.scores(FRAMES)).any()
    first.save(tmp_path / "network.npz")
    assert (Network.load(tmp_path / "network.npz").scores(FRAMES) == first.scores(FRAMES)).all()


def test_training_learns(torch: Any) -> None:
    losses: list[float] = []
    network = train_scenes(
        FRAMES,
        LABELS,
        epochs=10,
        recipe=ScenesRecipe(batch=32, contrast=0.0),
        progress=lambda epoch, epochs, loss: losses.append(loss),
    )
    assert len(losses) == 10 and losses[-1] < losses[0]
    assert (network.scores(FRAMES).argmax(axis=1) == LABELS).mean() > 0.5


def test_the_penalty_narrows_the_range_of_the_activations_inputs(torch: Any) -> None:
    def width(penalty: float) -> float:
        recipe = ScenesRecipe(batch=32, contrast=0.0, settling=0.4, range_penalty=penalty, range_limit=1.0)
        network = train_scenes(FRAMES, LABELS, epochs=5, recipe=recipe)
        last = max(index for index, layer in enumerate(network.layers) if isinstance(layer, Polynomial))
        return float(np.abs(run_layers(network.layers[:last], network.input_values(FRAMES))).max())

    assert width(10.0) < 0.7 * width(0.0)


def test_augmented_frames_hold_the_pixels_of_their_frame_only(torch: Any) -> None:
    model = ScenesModel(torch, ScenesRecipe(contrast=0.0))
    frames = torch.arange(64, dtype=torch.uint8)[:, None, None, None].expand(64, 32, 32, 3).clone()
    frames[:, :, 16:] += 100  # the right half differs
    augmented = (model.augment(frames) * 255).round()
    left, right = frames[:, 0, 0, 0], frames[:, 0, 31, 0]
    turned = augmented[:, 0, 0, 0] == right
    assert 0 < turned.sum() < 64
    for index in range(64):
        assert set(augmented[index].unique().tolist()) == {int(left[index]), int(right[index])}


@pytest.mark.parametrize(
    ("frames", "labels", "message"),
    [
        (FRAMES[..., 0], LABELS, r"\(128, 32, 32\) .* give \(n, 32, 32, 3\)"),
        (FRAMES, LABELS + 1, "from 0 to 9"),
    ],
)
def test_what_cannot_be_trained_on(frames: Any, labels: Any, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        train_scenes(frames, labels, epochs=1)


def test_the_command_trains_and_tells_the_accuracy_on_test_frames(torch: Any, tmp_path: Path) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "scenes"
    np.savez(data, frames=FRAMES, labels=LABELS, test_frames=FRAMES[:100], test_labels=LABELS[:100])
    command = ["model", "train", "scenes", "--data", str(data), "--out", str(out), "--epochs", "1"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "epoch 1 of 1: loss" in done.stderr
    assert "accuracy on 100 test frames: " in done.stdout
    assert Network.load(out / "network.npz").name == "scenes"


def test_a_model_without_a_recipe_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["model", "train", "faces", "--data", str(tmp_path)])
    assert "there is one for digits, scenes, scenes-wide and meter" in str(done.exception)


def test_the_shipped_network_knows_most_of_its_samples() -> None:
    network, samples = load_network("scenes"), load_samples("scenes")
    assert np.bincount(samples.labels).tolist() == [5] * 10
    assert (network.scores(samples.frames).argmax(axis=1) == samples.labels).mean() > 0.75
