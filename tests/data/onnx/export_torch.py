"""Writes the networks of this folder that PyTorch exports; see README.md."""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).parent


class Cnn(nn.Module):
    """Batch norm, padding, groups, dilation, and a flatten whose order matters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 8, 3, stride=2, groups=2, dilation=2, padding=2)
        self.hidden = nn.Linear(8 * 4 * 3, 12)
        self.scores = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        x = functional.avg_pool2d(torch.tanh(self.second(x)), (1, 2), padding=(0, 1))
        x = functional.silu(self.hidden(x.view(x.size(0), -1)))
        return self.scores(functional.dropout(x, training=self.training))


class Squares(nn.Module):
    """A chain with polynomials for activations, in colour: nothing in it is fitted."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.hidden = nn.Linear(4 * 3 * 2, 8)
        self.scores = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.avg_pool2d(self.first(x) ** 2, (1, 2))
        x = self.hidden(torch.flatten(x, 1))
        return self.scores(0.2 * x * x + 0.5 * x)


class Residual(nn.Module):
    """Squares, a learned quadratic, and two residual sums, one of them behind a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.third = nn.Conv2d(4, 6, 3, padding=1, stride=2)
        self.projection = nn.Conv2d(4, 6, 1, stride=2)
        self.a = nn.Parameter(torch.linspace(0.1, 0.3, 6).reshape(1, 6, 1, 1))
        self.b = nn.Parameter(torch.linspace(0.5, 1, 6).reshape(1, 6, 1, 1))
        self.scores = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x) ** 2
        x = x + self.second(x)
        x = self.third(x) + self.projection(x)
        x = self.a * x * x + self.b * x + 0.1
        return functional.softmax(self.scores(x.mean((2, 3))), dim=1)


class Moving(nn.Module):
    """A mean image, a shortcut without weights, a shuffle, joined branches, a gate, and a pool that isn't even."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("image", torch.rand(3, 8, 12))
        self.first = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
        self.larger = nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)
        self.squeezed = nn.Linear(11, 11)
        self.scores = nn.Linear(11 * 3 * 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flip(1) - self.image)
        shortcut = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        x = functional.pixel_unshuffle(x, 2)
        x = x.view(-1, 2, 8, 4, 6).transpose(1, 2).reshape(-1, 16, 4, 6)
        left, right = x.chunk(2, dim=1)
        x = left**2 + 0.5 * right + shortcut
        x = torch.cat([self.larger(x), functional.interpolate(x, scale_factor=2, mode="bilinear")], dim=1)
        x = x * self.squeezed(x.mean((2, 3)))[:, :, None, None]
        return self.scores(self.pooled(x).flatten(1))

    def pooled(self, x: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(x, (3, 5))


class MovingLegacy(Moving):
    """The same with a pool that the older exporter takes."""

    def pooled(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 3, padding=(0, 1), ceil_mode=True)


def export(module: nn.Module, shape: tuple[int, ...], name: str, dynamo: bool, **options: object) -> None:
    """Export in inference mode, with batch statistics that aren't the trivial ones."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            nn.init.normal_(child.running_mean, std=0.2)
            nn.init.uniform_(child.running_var, 0.5, 1.5)
    torch.onnx.export(module.eval(), (torch.rand(1, *shape),), HERE / name, dynamo=dynamo, **options)
    model = onnx.load(HERE / name, load_external_data=False)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input):
        del part.metadata_props[:]  # these hold the paths of whoever exported
    (HERE / name).write_bytes(model.SerializeToString())


def main() -> None:
    """All files, from one seed."""
    torch.manual_seed(0)
    cnn, residual = Cnn(), Residual()
    legacy = {"input_names": ["frames"], "dynamic_axes": {"frames": {0: "batch"}}}
    export(cnn, (3, 8, 10), "torch_cnn_opset11.onnx", dynamo=False, opset_version=11, **legacy)
    export(cnn, (3, 8, 10), "torch_cnn_opset17.onnx", dynamo=False, opset_version=17, **legacy)
    export(cnn, (3, 8, 10), "torch_cnn_dynamo.onnx", dynamo=True, external_data=False)
    export(residual, (1, 8, 8), "torch_residual_opset13.onnx", dynamo=False, opset_version=13, **legacy)
    export(residual, (1, 8, 8), "torch_residual_dynamo.onnx", dynamo=True)  # its weights are in a second file
    export(Squares(), (3, 8, 10), "torch_squares_dynamo.onnx", dynamo=True, external_data=False)
    export(Moving(), (3, 8, 12), "torch_moving_dynamo.onnx", dynamo=True, external_data=False)
    export(MovingLegacy(), (3, 8, 12), "torch_moving_opset17.onnx", dynamo=False, opset_version=17, **legacy)


if __name__ == "__main__":
    main()
