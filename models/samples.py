"""The sample frames of a model, with their labels."""

from common.errors import ConfigurationError
from compiler.labelled import LabelledFrames, load_labelled
from models.catalogue import load_network, model_folder


def load_samples(name: str) -> LabelledFrames:
    """A model's sample frames. Raises `ConfigurationError` when it has none."""
    network, samples = load_network(name), model_folder(name) / "samples"
    if not samples.is_dir():
        raise ConfigurationError(f"the model {name} has no sample frames; make {samples}, or pass --data FILE")
    return load_labelled(samples, network.frame_shape, network.labels)
