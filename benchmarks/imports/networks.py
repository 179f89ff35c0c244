"""Networks with ReLU and MaxPool, written as people write them for PyTorch, and their training."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_BATCH, _RATE, _DECAY, _SMOOTHING, _RISE = 128, 4e-3, 5e-2, 0.05, 0.25
#: Pixels by which a frame is shifted in training, at most, in each direction.
_SHIFT = 4


def conv_relu(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A convolution of 3×3, batch norm and ReLU."""
    conv = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Block(nn.Module):
    """A residual block: two convolutions, and a third one of 1×1 around them where the shape changes."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv_relu(channels, outputs, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.around: nn.Module = nn.Identity()
        if stride != 1 or channels != outputs:
            self.around = nn.Sequential(nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways, and ReLU."""
        return functional.relu(self.second(self.first(x)) + self.around(x))


def strided(channels: int, width: int, size: int) -> nn.Module:
    """Two convolutions with strides, and a hidden dense layer: three activations."""
    return nn.Sequential(
        conv_relu(channels, width, 2),
        conv_relu(width, 2 * width, 2),
        nn.Flatten(),
        nn.Linear(2 * width * (size // 4) ** 2, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def lenet() -> nn.Module:
    """LeNet-5 with ReLU and MaxPool: four activations."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def convolutions() -> nn.Module:
    """Four convolutions, three with strides: four activations."""
    layers = conv_relu(3, 32, 2), conv_relu(32, 48), conv_relu(48, 64, 2), conv_relu(64, 64, 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, 10))


def vgg() -> nn.Module:
    """Four convolutions with MaxPool between them, as VGG has it, and a hidden dense layer: five activations."""
    return nn.Sequential(
        *(conv_relu(3, 16), nn.MaxPool2d(2), conv_relu(16, 32), conv_relu(32, 32), nn.MaxPool2d(2)),
        *(conv_relu(32, 64), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(64 * 4 * 4, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)),
    )


def resnet8() -> nn.Module:
    """ResNet-8 with MaxPool behind its first convolution: seven activations."""
    return nn.Sequential(
        *(conv_relu(3, 16), nn.MaxPool2d(3, 2, 1)),
        *(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


@dataclass(frozen=True)
class Subject:
    """A network of the benchmark: its data, its epochs of training, and the points of accuracy that it may lose."""

    name: str
    data: str
    build: Callable[[], nn.Module]
    epochs: int
    bar: float | None

    @property
    def slug(self) -> str:
        """The name for files."""
        return self.name.replace(", ", "-").replace(" ", "-").lower()


SUBJECTS = (
    Subject("strided, digits", "mnist", lambda: strided(1, 8, 28), 6, 0.5),
    Subject("LeNet-5, digits", "mnist", lenet, 6, 0.5),
    Subject("strided, scenes", "cifar10", lambda: strided(3, 32, 32), 6, 2.0),
    Subject("convolutions, scenes", "cifar10", convolutions, 6, 2.0),
    Subject("VGG, scenes", "cifar10", vgg, 8, 2.0),
    Subject("ResNet-8, scenes", "cifar10", resnet8, 20, None),
)


def train(subject: Subject, frames: Tensor, labels: Tensor, report: Callable[[int, float], None]) -> nn.Module:
    """The network, trained on frames (n, channels, height, width) uint8, shifted and, but for digits, mirrored."""
    torch.manual_seed(0)
    net = subject.build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    batches = math.ceil(len(frames) / _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, epochs=subject.epochs, steps_per_epoch=batches, pct_start=_RISE
    )
    for epoch in range(subject.epochs):
        for rows in torch.randperm(len(frames)).split(_BATCH):
            x = _changed(frames[rows], mirrored=subject.data != "mnist")
            with torch.autocast("cpu", torch.bfloat16):
                scores = net(x)
            loss = functional.cross_entropy(scores.float(), labels[rows], label_smoothing=_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        report(epoch + 1, float(loss.item()))
    return net.eval()


def _changed(frames: Tensor, mirrored: bool) -> Tensor:
    count, _, height, width = frames.shape
    padded = functional.pad(frames, (_SHIFT,) * 4)
    rows = torch.arange(height) + torch.randint(2 * _SHIFT + 1, (count, 1))
    columns = torch.arange(width) + torch.randint(2 * _SHIFT + 1, (count, 1))
    if mirrored:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    x = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return x.permute(0, 3, 1, 2).float() / 255
