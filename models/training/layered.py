"""Any network as a PyTorch module: its weights are the parameters, so that training can go on where it ended."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from common.plan.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    Joining,
    Layer,
    Linear,
    Pad2d,
    Padding,
    Polynomial,
    Weights,
    pair,
)
from common.plan.network import Network
from models.training.trainable import Model, array, quadratic


@dataclass(frozen=True)
class Augmentation:
    """How far frames are changed at random in training."""

    #: Largest rotation in radians, and share by which a frame is scaled and sheared.
    rotation: float = 0.1
    scaling: float = 0.1
    shear: float = 0.05
    #: Largest shift, as a share of the frame's side.
    shift: float = 0.06
    #: Largest share by which a frame's contrast changes, and largest change of its brightness (of 0 to 1).
    contrast: float = 0.2
    brightness: float = 0.1
    #: Whether half of the frames are mirrored.
    mirrored: bool = False


class LayeredModel(Model):
    """The layers of a network as PyTorch modules. Untrained, `to_network` gives back the same weights in float32.

    Batch norm uses the statistics of each batch, as a network needs that is trained from the beginning; after
    `keep_statistics` it uses those that the network came with.
    """

    def __init__(self, torch: Any, network: Network, augmentation: Augmentation) -> None:
        self._network, self._augmentation = network, augmentation
        self._recalled = {layer.layer for layer in network.layers if isinstance(layer, Joining)}
        super().__init__(torch, [_module(torch, layer) for layer in network.layers])

    def keep_statistics(self) -> None:
        """Let batch norm keep the statistics that the network came with."""
        self.parts.eval()

    def prepare(self, frames: Any) -> Any:
        """Frames (n, h, w, c) uint8 as (n, c, h, w) in [0, 1]."""
        return frames.permute(0, 3, 1, 2).float() / 255

    def augment(self, frames: Any) -> Any:
        """The same, each turned, scaled, sheared, shifted, and of another contrast; the edge goes on outside.

        Half of them are mirrored, where frames may be.
        """
        torch, by, count = self.torch, self._augmentation, len(frames)

        def uniform(bound: float, *shape: int) -> Any:
            return (torch.rand(count, *shape) * 2 - 1) * bound

        x = self.prepare(frames)
        if by.mirrored:
            x = torch.where(torch.rand(count, 1, 1, 1) < 0.5, x.flip(3), x)
        angle, scale, shear = uniform(by.rotation), 1 + uniform(by.scaling), uniform(by.shear)
        rows = [angle.cos() * scale, shear - angle.sin() * scale, angle.sin() * scale, angle.cos() * scale]
        # Coordinates run from -1 to 1 over the frame, so that a shift of its whole side is 2.
        affine = torch.cat([torch.stack(rows).T.reshape(count, 2, 2), uniform(2 * by.shift, 2, 1)], dim=2)
        functional = torch.nn.functional
        grid = functional.affine_grid(affine, x.shape, align_corners=False)
        moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
        contrast, brightness = 1 + uniform(by.contrast, 1, 1, 1), uniform(by.brightness, 1, 1, 1)
        return (0.5 + (moved - 0.5) * contrast + brightness).clamp(0, 1)

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of frames (n, c, h, w) in [0, 1], and the inputs of the polynomials."""
        outputs, activated = {-1: x}, []
        for index, (layer, part) in enumerate(zip(self._network.layers, self.parts, strict=True)):
            if isinstance(layer, Polynomial):
                activated.append(x)
            x = layer.joined(x, outputs[layer.layer]) if isinstance(layer, Joining) else self._run(layer, part, x)
            if index in self._recalled:
                outputs[index] = x
        return x, activated

    def to_network(self) -> Network:
        """The network with the weights as they are now."""
        layers = tuple(with_weights(layer, part) for layer, part in zip(self._network.layers, self.parts, strict=True))
        return msgspec.structs.replace(self._network, layers=layers)

    def _run(self, layer: Layer, part: Any, x: Any) -> Any:
        match layer:
            case Conv2d():
                return part(self._pad(x, layer.padding))
            case Dense():
                return part(x)
            case BatchNorm():  # (n, channels, places, 1) keeps the order in memory
                return part(x.reshape(*x.shape[:2], -1, 1)).reshape(x.shape)
            case Polynomial():
                a, b, c = part
                return quadratic(x, a, b) + c.view(-1, *(1,) * (x.ndim - 2))
            case AvgPool2d():
                return self._pool(layer, x)
            case GlobalAvgPool2d():
                return x.mean(dim=(2, 3), keepdim=True)
            case Crop(top=top, left=left, height=height, width=width):
                return x[:, :, top : top + height, left : left + width]
            case Pad2d():
                return self._pad(x, layer.padding)
            case Flatten(channels_last=True):
                return x.permute(0, 2, 3, 1).flatten(1)
            case Flatten():
                return x.flatten(1)
            case Linear(shape=shape):
                products = x.flatten(1)[:, part.columns] * part.values
                return part.bias.repeat(len(x), 1).index_add(1, part.rows, products).reshape(-1, *shape)
        raise AssertionError(f"no such layer: {layer}")

    def _pool(self, layer: AvgPool2d, x: Any) -> Any:
        height, width = pair(layer.kernel)
        means = self.torch.nn.functional.avg_pool2d(self._pad(x, layer.padding), (height, width), pair(layer.stride))
        if layer.count_padding:
            return means
        divisors = layer.divisors(tuple(x.shape[2:]))
        return means * self.torch.from_numpy((height * width / divisors).astype(np.float32))

    def _pad(self, x: Any, padding: Padding) -> Any:
        top, left, bottom, right = (padding,) * 4 if isinstance(padding, int) else padding
        return self.torch.nn.functional.pad(x, (left, right, top, bottom)) if top + left + bottom + right else x


def _module(torch: Any, layer: Layer) -> Any:
    """A layer's weights as a module; the identity for a layer without weights."""
    nn = torch.nn
    match layer:
        case Conv2d(weight=weight, bias=bias):
            channels, kernel = weight.shape[1] * layer.groups, tuple(weight.shape[2:])
            module = nn.Conv2d(channels, len(weight), kernel, pair(layer.stride), 0, pair(layer.dilation), layer.groups)
            return _filled(torch, module, weight=weight, bias=bias)
        case Dense(weight=weight, bias=bias):
            return _filled(torch, nn.Linear(weight.shape[1], len(weight)), weight=weight, bias=bias)
        case BatchNorm(mean=mean, variance=variance, gamma=gamma, beta=beta):
            module = nn.BatchNorm2d(len(mean), eps=layer.epsilon)
            return _filled(torch, module, running_mean=mean, running_var=variance, weight=gamma, bias=beta)
        case Polynomial(a=a, b=b, c=c):
            return nn.ParameterList(nn.Parameter(_tensor(torch, each)) for each in (a, b, c))
        case Linear():
            module = nn.Module()  # what it selects, moves or interpolates is no weight to train
            for name in ("rows", "columns"):
                module.register_buffer(name, torch.from_numpy(getattr(layer, name).astype(np.int64)))
            for name in ("values", "bias"):
                module.register_buffer(name, _tensor(torch, getattr(layer, name)))
            return module
    return nn.Identity()


def with_weights(layer: Layer, part: Any) -> Layer:
    """The layer with the weights of its part."""
    match layer:
        case Conv2d() | Dense():
            return msgspec.structs.replace(layer, weight=array(part.weight), bias=array(part.bias))
        case BatchNorm():
            mean, variance = array(part.running_mean), array(part.running_var)
            gamma, beta = array(part.weight), array(part.bias)
            return msgspec.structs.replace(layer, mean=mean, variance=variance, gamma=gamma, beta=beta)
        case Polynomial():
            a, b, c = map(array, part)
            return Polynomial(a, b, c)
    return layer


def _filled(torch: Any, module: Any, **weights: Weights) -> Any:
    with torch.no_grad():
        for name, values in weights.items():
            getattr(module, name).copy_(_tensor(torch, values))
    return module


def _tensor(torch: Any, values: Weights) -> Any:
    return torch.from_numpy(np.array(values, dtype=np.float32))
