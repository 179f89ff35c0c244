"""Train the networks that are compared, anew: python -m benchmarks.networks.train DATA.npz [EPOCHS]

DATA holds `frames` (n, 28, 28) uint8 and `labels` (n,). Needs the extra `train`. Writes `networks/*.npz`.

Squares and 26-bit scales leave the peers little room, so each linear layer is scaled, behind the training,
to values of unit size and the last one to scores of at most 2: no label changes.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.networks.compared import ARCHITECTURES, FOLDER, Architecture

_LARGEST_SCORE = 2.0
_BATCH = 128


class SquareNet(nn.Module):
    """Convolution, square, dense, square, dense."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels, kernel, stride = architecture.channels, architecture.kernel, architecture.stride
        self.conv = nn.Conv2d(1, channels, kernel, stride)
        self.hidden = nn.Linear(channels * architecture.windows, architecture.hidden)
        self.scores = nn.Linear(architecture.hidden, 10)

    def linear(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The values behind each of the three linear layers."""
        first = self.conv(x)
        second = self.hidden(first.square().flatten(1))
        return first, second, self.scores(second.square())


def train(architecture: Architecture, x: Tensor, labels: Tensor, epochs: int) -> SquareNet:
    """Adam with one cosine of learning rate, frames shifted by up to two pixels."""
    torch.manual_seed(0)
    net = SquareNet(architecture)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * math.ceil(len(x) / _BATCH))
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(_BATCH):
            shift = tuple(torch.randint(-2, 3, (2,)).tolist())
            scores = net.linear(torch.roll(x[rows], shift, (2, 3)))[2]
            optimizer.zero_grad()
            functional.cross_entropy(scores, labels[rows]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        print(f"{architecture.name} epoch {epoch + 1}", flush=True)
    return net


@torch.no_grad()
def balance(net: SquareNet, x: Tensor) -> None:
    """Scale the layers to values of unit size, and scores of at most `_LARGEST_SCORE`."""
    first, second, scores = net.linear(x)
    sizes = [float(first.square().mean().sqrt()), float(second.square().mean().sqrt())]
    for layer, before, after in (
        (net.conv, 1.0, sizes[0]),
        (net.hidden, sizes[0], sizes[1]),
        (net.scores, sizes[1], float(scores.abs().max()) / _LARGEST_SCORE),
    ):
        layer.weight *= before**2 / after
        layer.bias /= after


def main() -> None:
    """Train and write every network."""
    torch.set_num_threads(1)
    with np.load(Path(sys.argv[1])) as data:
        x = torch.tensor(data["frames"].reshape(-1, 1, 28, 28) / np.float32(255), dtype=torch.float32)
        labels = torch.tensor(data["labels"].astype(np.int64))
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    for architecture in ARCHITECTURES.values():
        net = train(architecture, x, labels, epochs)
        balance(net, x)
        weights = {name: value.detach().numpy().astype(np.float16) for name, value in net.state_dict().items()}
        np.savez_compressed(FOLDER / f"{architecture.name}.npz", **weights)


if __name__ == "__main__":
    main()
