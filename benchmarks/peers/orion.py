"""LoLA as Orion's examples have it, with its configuration for LoLA, on Orion's Lattigo.

python -m benchmarks.peers.orion WEIGHTS DATA STRIDE, started by `benchmarks.peers` in .venv-bench

Batch normalisation, which Orion fuses into the layers before it, is in the weights already.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.harness.contestant import serve
from benchmarks.peers.their_rounds import Arrays, Rounds, read

# Orion imports torchvision for its examples' data sets, of which nothing is used here. torchvision must match
# torch to the build, so this does without it.
sys.modules["torchvision"] = ModuleType("torchvision")
sys.modules["torchvision"].datasets = sys.modules["torchvision"].transforms = None  # type: ignore[attr-defined]

import orion  # noqa: E402
import orion.nn as on  # noqa: E402

# configs/lola.yml of Orion.
_CKKS: dict[str, Any] = {
    "LogN": 13,
    "LogQ": [29, 26, 26, 26, 26, 26],
    "LogP": [29, 29],
    "LogScale": 26,
    "H": 8192,
    "RingType": "ConjugateInvariant",
}
_ORION = {
    "margin": 2,
    "embedding_method": "hybrid",
    "backend": "lattigo",
    "fuse_modules": True,
    "debug": False,
    "io_mode": "none",
}
#: Lattigo's generator of rotations. In the conjugate-invariant ring exponents are modulo 4N.
_GENERATOR = 5
#: Lattigo writes each residue as 8 bytes; Orion has no call that writes a ciphertext.
_RESIDUE_BYTES = 8


class LoLA(on.Module):
    """orion.models.LoLA, of any size and without batch normalisation."""

    def __init__(self, weights: Arrays, stride: int) -> None:
        super().__init__()
        channels, _, size, _ = weights["conv.weight"].shape
        hidden, inputs = weights["hidden.weight"].shape
        self.conv = on.Conv2d(1, channels, kernel_size=size, padding=0, stride=stride)
        self.act1 = on.Quad()
        self.hidden = on.Linear(inputs, hidden)
        self.act2 = on.Quad()
        self.scores = on.Linear(hidden, len(weights["scores.weight"]))
        self.flatten = on.Flatten()
        self.load_state_dict({name: torch.tensor(value, dtype=torch.float32) for name, value in weights.items()})

    def forward(self, x: Any) -> Any:
        """Scores of a batch, or of an encrypted frame."""
        x = self.flatten(self.act1(self.conv(x)))
        return self.scores(self.act2(self.hidden(x)))


def set_up() -> tuple[dict[str, object], Rounds]:
    """Keys, the compiled network, and sizes on the wire."""
    weights_file, data_file, stride = sys.argv[1:]
    data = read(Path(data_file))

    def pixels(frame: np.ndarray) -> torch.Tensor:
        return torch.tensor(np.moveaxis(frame, 2, 0)[None] / 255, dtype=torch.float32)

    torch.set_num_threads(1)
    scheme = orion.init_scheme({"ckks_params": _CKKS, "orion": _ORION})
    net = LoLA(read(Path(weights_file)), int(stride))
    net.eval()
    # One frame tells the shapes. Ranges, for which Orion would need more, matter to other activations only.
    orion.fit(net, pixels(data["frames"][0]))
    level = orion.compile(net)
    net.he()

    def encrypt(frame: np.ndarray) -> Any:
        return orion.encrypt(orion.encode(pixels(frame), level))

    def decrypt(scores: Any) -> np.ndarray:
        return np.asarray(scores.decrypt().decode(), dtype=np.float64).reshape(-1)

    frame = encrypt(data["frames"][0])
    facts = {
        "version": version("orion-fhe"),
        "ring_dimension": 2 ** scheme.params.get_logn(),
        "modulus_bits": sum(scheme.params.get_logq() + scheme.params.get_logp()),
        "prime_bits": scheme.params.get_logq() + scheme.params.get_logp(),
        "key_bytes": _key_bytes(scheme, net),
        "uplink_bytes": _ciphertext_bytes(frame),
        "downlink_bytes": _ciphertext_bytes(net(frame)),
    }
    return facts, Rounds(data, encrypt, net, decrypt)


def _ciphertext_bytes(ciphertext: Any) -> int:
    residues = 2 * 2 ** _CKKS["LogN"] * (ciphertext.level() + 1)
    return int(len(ciphertext.ids) * residues * _RESIDUE_BYTES)


def _key_bytes(scheme: Any, net: LoLA) -> int:
    """The rotation keys that the network uses, written by Lattigo, and a relinearisation key of the same size.

    Orion makes a key for each power of two besides; those that nothing uses are not counted.
    """
    slots, roots = scheme.params.get_slots(), 4 * 2 ** _CKKS["LogN"]
    used = set(scheme.lt_evaluator.saved_rotation_keys)
    for layer in (net.conv, net.hidden, net.scores):
        used |= {pow(_GENERATOR, slots // 2**step, roots) for step in range(1, layer.output_rotations + 1)}
    written, pointer = scheme.backend.GenerateAndSerializeRotationKey(next(iter(used)))
    size = len(written)
    scheme.backend.FreeCArray(pointer)
    return size * (len(used) + 1)


if __name__ == "__main__":
    serve(set_up)
