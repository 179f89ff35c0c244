"""Convolutions whose weights are matrices, as Muon wants them, and photographs as networks in training see them."""

from typing import Any


def matrix(torch: Any, outputs: int, inputs: int, kernel: int) -> Any:
    """Weights (outputs, kernel · kernel · inputs) of a convolution, near the identity on the channels that it has."""
    weights = torch.empty(outputs, inputs, kernel, kernel)
    torch.nn.init.kaiming_uniform_(weights, a=5**0.5)
    if inputs > 3:
        identity = torch.empty_like(weights[: min(inputs, outputs)])
        weights[: len(identity)] += torch.nn.init.dirac_(identity)
    return torch.nn.Parameter(weights.permute(0, 2, 3, 1).reshape(outputs, -1).contiguous())


def kernels(matrix: Any, kernel: int) -> Any:
    """The weights (outputs, inputs, kernel, kernel) that a matrix holds, channels last in memory."""
    return matrix.view(len(matrix), kernel, kernel, -1).permute(0, 3, 1, 2)


def convolve(torch: Any, x: Any, matrix: Any, kernel: int, stride: int = 1) -> Any:
    """A convolution without a bias, with a pixel of zeros around `x`."""
    return torch.nn.functional.conv2d(x, kernels(matrix, kernel), None, stride, 1)


def prepare(frames: Any) -> Any:
    """uint8 frames (n, h, w, c) as (n, c, h, w) in [0, 1], channels last in memory."""
    return frames.permute(0, 3, 1, 2).float() / 255


def augment(torch: Any, frames: Any, shift: int, contrast: float) -> Any:
    """The same, shifted by up to `shift` pixels, half of them turned over, and of another contrast by up to a share.

    What is missing is mirrored at the edge.
    """
    count, size = frames.shape[:2]
    last, places = size - 1, torch.arange(size).expand(count, -1)
    turned = torch.where(torch.rand(count, 1) < 0.5, places.flip(1), places)
    rows, columns = (
        last - (last - (seen + torch.randint(-shift, shift + 1, (count, 1))).abs()).abs() for seen in (places, turned)
    )
    x = prepare(frames[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]])
    return 0.5 + (x - 0.5) * (1 + contrast * (2 * torch.rand(count, 1, 1, 1) - 1))
