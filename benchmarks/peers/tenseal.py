"""TenSEAL's tutorial 4, "Encrypted Convolution on MNIST": its layers, parameters and order of calls.

python -m benchmarks.peers.tenseal WEIGHTS DATA STRIDE, started by `benchmarks.peers` in .venv-bench
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tenseal as ts

from benchmarks.harness.contestant import serve
from benchmarks.peers.their_rounds import Rounds, read

# As in the tutorial.
_RING_DIMENSION = 8192
_SCALE_BITS = 26
_PRIME_BITS = [31, *[_SCALE_BITS] * 6, 31]


def set_up() -> tuple[dict[str, object], Rounds]:
    """Keys, the network, and sizes on the wire."""
    weights_file, data_file, stride = sys.argv[1:]
    weights, data = read(Path(weights_file)), read(Path(data_file))
    # By default the context has a thread for each core.
    context = ts.context(ts.SCHEME_TYPE.CKKS, _RING_DIMENSION, coeff_mod_bit_sizes=_PRIME_BITS, n_threads=1)
    context.global_scale = 2**_SCALE_BITS
    context.generate_galois_keys()

    kernels, biases = weights["conv.weight"][:, 0].tolist(), weights["conv.bias"].tolist()
    hidden, hidden_bias = weights["hidden.weight"].T.tolist(), weights["hidden.bias"].tolist()
    last, last_bias = weights["scores.weight"].T.tolist(), weights["scores.bias"].tolist()
    size = len(kernels[0])

    def encrypt(frame: np.ndarray) -> tuple[Any, int]:
        pixels = (frame[..., 0] / 255).tolist()
        encrypted, windows = ts.im2col_encoding(context, pixels, size, size, int(stride))
        return encrypted, windows

    def evaluate(frame: tuple[Any, int]) -> Any:
        x, windows = frame
        channels = [x.conv2d_im2col(kernel, windows) + bias for kernel, bias in zip(kernels, biases, strict=True)]
        x = ts.CKKSVector.pack_vectors(channels)
        x.square_()
        x = x.mm(hidden) + hidden_bias
        x.square_()
        return x.mm(last) + last_bias

    def decrypt(scores: Any) -> np.ndarray:
        return np.array(scores.decrypt())

    frame = encrypt(data["frames"][0])
    facts = {
        "version": version("tenseal"),
        "ring_dimension": _RING_DIMENSION,
        "modulus_bits": sum(_PRIME_BITS),
        "prime_bits": _PRIME_BITS,
        "key_bytes": _key_bytes(context),
        "uplink_bytes": len(frame[0].serialize()),
        "downlink_bytes": len(evaluate(frame).serialize()),
    }
    return facts, Rounds(data, encrypt, evaluate, decrypt)


def _key_bytes(context: Any) -> int:
    """Galois and relinearisation keys: a context with them, without the bytes of one without any."""

    def size(*, keys: bool) -> int:
        return len(
            context.serialize(save_public_key=False, save_secret_key=False, save_galois_keys=keys, save_relin_keys=keys)
        )

    return size(keys=True) - size(keys=False)


if __name__ == "__main__":
    serve(set_up)
