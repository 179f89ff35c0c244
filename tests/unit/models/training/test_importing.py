"""An imported network is trained until it decides as the original does; it is never worse than it was."""

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.plan.layers import Polynomial
from common.plan.network import Network
from compiler.onnx.conversion import Draftwork
from compiler.onnx.fits.activations import scores
from compiler.onnx.fits.splitting import held_out
from compiler.onnx.importing import import_with_frames
from compiler.onnx.options import ImportOptions
from models.training import importing
from models.training.distillation import DISTILLATION
from models.training.importing import fine_tuner
from tests.onnx_graphs import converted

Frames = NDArray[np.uint8]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes a minute last as many looks at the clock as are asked for; a step takes four."""

    def last(looks: int) -> None:
        counter = itertools.count()
        monkeypatch.setattr(importing, "monotonic", lambda: 60 * next(counter) / looks)

    return last


def agreement(network: Network, draft: Draftwork, frames: Frames) -> float:
    wanted = scores(draft.items, frames, lambda: None).argmax(axis=1)
    return float(np.mean(network.scores(frames).argmax(axis=1) == wanted))


def tuned(draft: Draftwork, network: Network, frames: Frames, **how: Any) -> Network:
    labels = how.pop("labels", None)
    settings = replace(DISTILLATION, **{"judgements": 4, "batch": 32, "learning_rate": 1e-2} | how)
    return fine_tuner(1, settings)(draft.items, network, frames, labels, lambda what, share: None)


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [False, True])
def test_more_labels_agree_afterwards_of_frames_that_it_never_saw(
    torch: Any, draft: Draftwork, network: Network, frames: Frames, steps: Callable[[int], None], labelled: bool
) -> None:
    steps(240)
    labels = scores(draft.items, frames, lambda: None).argmax(axis=1) if labelled else None
    others = np.random.default_rng(2).integers(0, 256, (300, 8, 8, 1), dtype=np.uint8)
    found = tuned(draft, network, frames, labels=labels)
    assert agreement(found, draft, others) > agreement(network, draft, others)


@pytest.mark.slow
def test_where_training_does_harm_the_network_stays_as_it_was(
    torch: Any, draft: Draftwork, network: Network, frames: Frames, steps: Callable[[int], None]
) -> None:
    steps(60)
    found = tuned(draft, network, frames, learning_rate=1e3)
    assert np.allclose(found.scores(frames), network.scores(frames), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_vertices_of_polynomials_stay_near_their_inputs(
    torch: Any, draft: Draftwork, network: Network, frames: Frames, steps: Callable[[int], None]
) -> None:
    def farthest(network: Network) -> float:
        return max(
            float(np.abs(layer.b / (2 * layer.a)).max()) for layer in network.layers if isinstance(layer, Polynomial)
        )

    steps(120)
    near, free = (tuned(draft, network, frames, learning_rate=3e-2, farthest_vertex=by) for by in (0.0, 1e9))
    assert farthest(near) <= 1.5 * farthest(network)
    assert np.isfinite(farthest(free))


@pytest.mark.slow
def test_lines_stay_lines(
    torch: Any, draft: Draftwork, network: Network, frames: Frames, steps: Callable[[int], None]
) -> None:
    steps(60)
    lines = [
        Polynomial(layer.a * 0, layer.b, layer.c) if isinstance(layer, Polynomial) else layer
        for layer in network.layers
    ]
    found = tuned(draft, Network("net", network.frame_shape, network.labels, tuple(lines)), frames)
    assert all(not layer.a.any() for layer in found.layers if isinstance(layer, Polynomial))
    assert agreement(found, draft, frames) > 0.4


@pytest.mark.slow
def test_what_is_said_counts_the_time_down(
    torch: Any, draft: Draftwork, network: Network, frames: Frames, steps: Callable[[int], None]
) -> None:
    steps(60)
    told: list[tuple[str, float]] = []
    how = replace(DISTILLATION, judgements=3, batch=32)
    fine_tuner(1, how)(draft.items, network, frames, None, lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0.8 < shares[-1] <= 1
    assert told[0][0].startswith("fine-tuning, 0:")
    assert "% of the labels agree" in told[0][0]


@pytest.mark.slow
def test_the_report_has_what_was_before_and_what_is_now(
    torch: Any, file: Path, frames: Frames, steps: Callable[[int], None]
) -> None:
    steps(240)
    options = ImportOptions(name="net", replace_maxpool="mean")
    truth = np.zeros(len(frames), dtype=np.int64)
    refine = fine_tuner(1, replace(DISTILLATION, batch=32))
    network, report = import_with_frames(file, frames, truth, options, refine=refine)
    _, without = import_with_frames(file, frames, truth, options)
    assert (report.fitted_agreement, report.fitted_accuracy) == (without.agreement, without.imported_accuracy)
    held = held_out(truth)
    assert report.agreement == agreement(network, converted(file, replace_maxpool="mean"), frames[held])
    assert (without.fitted_agreement, without.fitted_accuracy) == (None, None)


@pytest.mark.parametrize(("count", "learns"), [(3000, False), (300, True)])
def test_a_network_of_which_many_labels_are_judged_and_all_agree_takes_no_time(
    torch: Any, network: Network, steps: Callable[[int], None], count: int, learns: bool
) -> None:
    steps(240)
    frames = np.random.default_rng(1).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    told: list[str] = []
    found = fine_tuner(1)(network.layers, network, frames, None, lambda what, share: told.append(what))
    assert bool(told) == learns
    assert np.mean(found.scores(frames).argmax(axis=1) == network.scores(frames).argmax(axis=1)) > 0.9


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_there_has_to_be_some_time(torch: Any, minutes: float) -> None:
    with pytest.raises(ConfigurationError, match=r"finetune is .*; give the minutes"):
        fine_tuner(minutes)


def test_one_frame_is_too_few(torch: Any, draft: Draftwork, network: Network, frames: Frames) -> None:
    with pytest.raises(FrameError, match="1 frame can't be learned from and judged by; give hundreds"):
        fine_tuner(1)(draft.items, network, frames[:1], None, lambda what, share: None)


def test_without_pytorch_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigurationError, match=r"PyTorch, which isn't installed; run: .*pip install torch"):
        fine_tuner(1)


def test_a_pytorch_that_is_too_old_is_named(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigurationError, match=r"needs PyTorch 2\.9 or later, and .*; run: .*torch>=2\.9"):
        fine_tuner(1)
