"""The small network of `common.pictures.polarity`, trained on rendered digits: `python -m models.training.polarity`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.pictures.normalise import upright_grey
from common.pictures.polarity import SIDE, even_contrast
from models.rendering.crops import digit_crops
from models.rendering.fonts import SHIPPED, FontBook, find_fonts
from models.rendering.opencv import cv2
from models.training.trainer import import_torch

#: Units of the two hidden layers, crops in a batch, passes over them, and the learning rate at its highest.
_HIDDEN, _BATCH, _EPOCHS, _RATE = (96, 24), 256, 24, 3e-3

Weights = NDArray[np.float16]


def render(rng: np.random.Generator, fonts: FontBook, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """So many crops as the network takes them, (count, 576), and 1 for light strokes, -1 for dark ones."""
    inputs, signs = np.empty((count, SIDE * SIDE), np.float32), np.empty(count, np.float32)
    done = 0
    while done < count:
        for crop, digit in digit_crops(rng, fonts):
            if done == count:
                break
            grey, direction = upright_grey(cv2, crop)
            inputs[done] = even_contrast(cv2, grey).ravel()
            signs[done] = 1 if digit.contrast @ direction > 0 else -1
            done += 1
    return inputs, signs


def train_polarity(
    inputs: NDArray[np.float32], signs: NDArray[np.float32], seed: int
) -> tuple[Weights, Weights, Weights]:
    """W, U and v of v·tanh(U·tanh(W·x)), by logistic regression on x (n, 576) and signs (n,); shifts are free."""
    torch: Any = import_torch()
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    first = torch.nn.Linear(SIDE * SIDE, _HIDDEN[0], bias=False)
    second = torch.nn.Linear(*_HIDDEN, bias=False)
    scores = torch.nn.Linear(_HIDDEN[1], 1, bias=False)
    parameters = [*first.parameters(), *second.parameters(), *scores.parameters()]
    x, y = torch.from_numpy(inputs), torch.from_numpy(signs)
    steps = _EPOCHS * (len(x) // _BATCH)
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=3e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(x))[: steps // _EPOCHS * _BATCH].split(_BATCH):
            moved = torch.roll(x[batch].view(-1, SIDE, SIDE), tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2))
            lead = scores(torch.tanh(second(torch.tanh(first(moved.flatten(1))))))[:, 0]
            loss = torch.nn.functional.softplus(-y[batch] * lead).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    first_weight, second_weight, last_weight = (
        layer.weight.detach().numpy().astype(np.float16) for layer in (first, second, scores)
    )
    return first_weight, second_weight, last_weight[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fonts", type=Path, action="append", default=[SHIPPED], help="folder of fonts; may be repeated"
    )
    parser.add_argument("--count", type=int, default=100_000, help="crops to render")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("polarity.npz"))
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    inputs, signs = render(rng, find_fonts(given.fonts, "training"), given.count)
    first, second, scores = train_polarity(inputs, signs, given.seed)
    np.savez_compressed(given.out, first=first, second=second, scores=scores)


if __name__ == "__main__":
    main()
