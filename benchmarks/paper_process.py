"""A worker or a key holder in a process of its own: python -m benchmarks.paper_process evaluate|decrypt FOLDER

FOLDER holds `model.plan`, `model.head`, `keys`, and wire forms in `frames`; `evaluate` writes `replies`, and
`decrypt` reads them and writes `scores.npy`. Each prints its times and memory as a line of JSON. Nothing is
imported but what the role needs, so that its memory is its own.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_bytes, resident_bytes
from common.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.evaluation_keys import decode_evaluation_keys
from common.keys import load_key_set
from common.plan import load_head, load_plan
from edge.encryption import FrameCipher
from workers.evaluator import PreparedPlan


def evaluate(folder: Path) -> list[float]:
    """Evaluate every frame; ms from its bytes to the answer's bytes."""
    prepared = PreparedPlan(load_plan(folder / "model.plan"))
    _, context = decode_evaluation_keys((folder / "keys" / "evaluation.keys").read_bytes())
    head, times = prepared.head, []
    (folder / "replies").mkdir()
    for file in sorted((folder / "frames").iterdir()):
        data = file.read_bytes()
        started = time.perf_counter()
        received = decode_ciphertexts(context, data, head.parameters.levels, head.input_scale, head.input_ciphertexts)
        reply = encode_ciphertexts(context, prepared.evaluate(context, received))
        times.append((time.perf_counter() - started) * 1000)
        (folder / "replies" / file.name).write_bytes(reply)
    return times


def decrypt(folder: Path) -> list[float]:
    """Decrypt every reply; ms from its bytes to the scores."""
    cipher = FrameCipher(load_head(folder / "model.head"), load_key_set(folder / "keys"))
    times, scores = [], []
    for file in sorted((folder / "replies").iterdir()):
        data = file.read_bytes()
        started = time.perf_counter()
        scores.append(cipher.scores(data)[0])
        times.append((time.perf_counter() - started) * 1000)
    np.save(folder / "scores.npy", np.array(scores))
    return times


def main() -> None:
    """Play the role, and tell the median time, the memory at the start and the peak."""
    idle = resident_bytes()
    role = {"evaluate": evaluate, "decrypt": decrypt}[sys.argv[1]]
    times = role(Path(sys.argv[2]))
    print(json.dumps({"ms": float(np.median(times)), "idle_bytes": idle, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
