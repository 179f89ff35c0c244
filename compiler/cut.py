"""A network cut in two: the front, which devices run in plain, and the rest, which runs on ciphertexts.

Between the two stand *features*, the output of the layer before the cut. The front's last layer scales
them to at most 1 in calibration, as frames are, and the rest's first layer undoes it.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array, Flatten, Joining, Layer, Polynomial
from common.plan.network import Network, run_layers


def split(network: Network, encrypt_from: int, x: Array) -> tuple[tuple[Layer, ...], Network]:
    """The layers before layer `encrypt_from` as the front, and the network of that layer and those behind it.

    `x` are input values (n, c, h, w) of calibration frames. The rest takes features as if they were
    frames, of one row and column if they are flat. Without layers before it, it is the network itself.

    Raises `NetworkError` when there is no such layer, or a layer behind the cut reads one before it.
    """
    if not 0 <= encrypt_from < len(network.layers):
        raise NetworkError(
            f"encrypt_from is {encrypt_from}; the network {network.name} has layers 0 to {len(network.layers) - 1}"
        )
    if not encrypt_from:
        return (), network
    _check_cut(network.layers, encrypt_from)
    before = network.layers[:encrypt_from]
    boundary = run_layers(before, x)
    channels, height, width = boundary.shape[1:] if boundary.ndim == 4 else (boundary.shape[1], 1, 1)
    peak = float(np.abs(boundary).max()) or 1.0
    flat: tuple[Layer, ...] = () if boundary.ndim == 4 else (Flatten(),)
    first = (*flat, _scaled(channels, peak))
    rest_layers = (_moved(layer, len(first) - encrypt_from) for layer in network.layers[encrypt_from:])
    rest = Network(network.name, (height, width, channels), network.labels, (*first, *rest_layers))
    return (*before, _scaled(channels, 1 / peak)), rest


def _check_cut(layers: Sequence[Layer], cut: int) -> None:
    """A layer behind the cut may read the features, and nothing before them."""

    def readers_across(cut: int) -> list[int]:
        return [
            index
            for index, layer in enumerate(layers[cut:], start=cut)
            if isinstance(layer, Joining) and layer.layer < cut - 1
        ]

    if readers := readers_across(cut):
        possible = ", ".join(str(other) for other in range(len(layers)) if not readers_across(other))
        layer = layers[readers[0]]
        assert isinstance(layer, Joining)
        raise NetworkError(
            f"encrypt_from is {cut}, but layer {readers[0]} ({type(layer).__name__}) behind it reads "
            f"{f'layer {layer.layer}' if layer.layer >= 0 else 'the frame'} before it; choose one of {possible}"
        )


def _moved(layer: Layer, by: int) -> Layer:
    return msgspec.structs.replace(layer, layer=layer.layer + by) if isinstance(layer, Joining) else layer


def _scaled(channels: int, factor: float) -> Polynomial:
    return Polynomial(np.zeros(channels), np.full(channels, factor), np.zeros(channels))
