"""From which layer on a network is encrypted: `--encrypt-from`."""

from common.errors import ConfigurationError
from common.plan.layers import Dense
from common.plan.network import Network

#: Words for the whole network, and for its last dense layer alone.
WHOLE = "0"
LAST = "last"

HELP = (
    "The first layer that runs on ciphertexts, by its place in the network; the device runs those before it in plain. "
    f"0 is the whole network, -1 the last layer, {LAST} the last dense layer."
)


def find_layer(text: str, network: Network) -> int:
    """The layer's place, from 0 on. Raises `ConfigurationError` naming the layers there are."""
    layers = network.layers
    if text == LAST:
        dense = [index for index, layer in enumerate(layers) if isinstance(layer, Dense)]
        if not dense:
            raise ConfigurationError(f"encrypt_from is {LAST!r}, and {network.name} has no dense layer; give a number")
        return dense[-1]
    digits = text.removeprefix("-")
    place = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 9 else len(layers)
    if not -len(layers) <= place < len(layers):
        known = ", ".join(f"{index} {type(layer).__name__}" for index, layer in enumerate(layers))
        raise ConfigurationError(
            f"encrypt_from is {text!r}; give {LAST}, or the place of a layer of {network.name}: {known}"
        )
    return place % len(layers)
