"""The labels of a model that is trained on, and its last layer where they aren't those of the model it comes from."""

from collections.abc import Sequence

import msgspec
import numpy as np

from common.errors import ConfigurationError
from common.plan.layers import Array, Dense
from common.plan.network import Network


def joined_labels(source: Network, classes: Sequence[str], new_labels: bool) -> tuple[str, ...]:
    """The labels of a model that comes from `source` and learns `classes`.

    What the source tells apart it keeps, though its labels don't all occur among the classes. New ones are added behind
    them; where no class is the source's, they take the place of its labels.

    Raises `ConfigurationError` for a class that isn't among the labels of the source, unless `new_labels` allows it.
    """
    unknown = [label for label in classes if label not in source.labels]
    if unknown and not new_labels:
        raise ConfigurationError(
            f"data has classes that aren't among the labels of {source.name}: {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(source.labels)}. Rename them, or let the model learn them: --new-labels"
        )
    return tuple(classes) if len(unknown) == len(classes) else (*source.labels, *unknown)


def with_labels(network: Network, name: str, labels: Sequence[str]) -> Network:
    """The network under another name, and with other labels; the last layer keeps the rows of labels that stay.

    A new label starts with the weights 0 and the mean of the biases. Raises `ConfigurationError` where the network
    doesn't end with a dense layer, and the labels differ.
    """
    renamed = msgspec.structs.replace(network, name=name, labels=tuple(labels))
    if tuple(labels) == network.labels:
        return renamed
    last = last_dense(network)
    if last is None:
        raise ConfigurationError(
            f"{network.name} doesn't end with a dense layer, so it can't learn new labels; train with --recipe instead"
        )
    weight: Array = np.zeros((len(labels), last.weight.shape[1]))
    bias: Array = np.full(len(labels), float(np.mean(last.bias)))
    for row, label in enumerate(labels):
        if label in network.labels:
            place = network.labels.index(label)
            weight[row], bias[row] = last.weight[place], last.bias[place]
    return msgspec.structs.replace(renamed, layers=(*network.layers[:-1], Dense(weight, bias)))


def last_dense(network: Network) -> Dense | None:
    """The last layer, where it is a dense one: its outputs are the scores."""
    last = network.layers[-1]
    return last if isinstance(last, Dense) else None
