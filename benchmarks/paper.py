"""The paper's configurations, and its figures next to ours: python -m benchmarks.paper [DATA.npz]

DATA holds `frames` (n, 28, 28) uint8 and `labels` (n,); by default the samples of `digits`. Writes
results/paper.json, results/paper.svg, and the table in docs/paper.md.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestant import ONE_THREAD, ROOT
from benchmarks.figures import Figures
from benchmarks.networks import FOLDER
from benchmarks.paper_table import insert
from benchmarks.peers import RESULTS, machine
from benchmarks.plots import draw
from blindsight.output import console
from blindsight.splitting import LAST, WHOLE, find_layer
from common.compiler import compile_network
from common.keys import create_key_set
from common.network import Network
from common.parameters import SECURITY_LEVELS
from edge.encryption import FrameCipher
from models.catalogue import LabelledFrames, load_labelled, load_samples


@dataclass(frozen=True)
class Configuration:
    """A network, and from which layer on it is encrypted."""

    name: str
    weights: Path
    encrypt_from: str


CONFIGURATIONS = (
    Configuration("last layer", FOLDER / "paper_x2_2x.npz", LAST),
    Configuration("full, no activation", FOLDER / "paper_linear.npz", WHOLE),
    Configuration("full, x² + 2x", FOLDER / "paper_x2_2x.npz", WHOLE),
)


def measure(configuration: Configuration, security_bits: int, data: LabelledFrames) -> Figures:
    """Encrypt here, evaluate in one process and decrypt in another."""
    network = Network.load(configuration.weights)
    first = find_layer(configuration.encrypt_from, network)
    plan = compile_network(network, load_samples("digits").frames, security_bits, encrypt_from=first)
    with tempfile.TemporaryDirectory(prefix="blindsight-") as name:
        folder = Path(name)
        plan.save(folder / "model.plan")
        plan.save_head(folder / "model.head")
        cipher = FrameCipher(plan.head, create_key_set(plan.head, folder / "keys"))
        (folder / "frames").mkdir()
        for number, frame in enumerate(data.frames):
            (folder / "frames" / f"{number:06d}").write_bytes(cipher.encrypt(frame[None]).ciphertext)
        evaluation, decryption = (_run(role, folder) for role in ("evaluate", "decrypt"))
        scores = np.load(folder / "scores.npy")
        sizes = [(folder / part / "000000").stat().st_size for part in ("frames", "replies")]
        key_bytes = (folder / "keys" / "evaluation.keys").stat().st_size
    plain = network.scores(data.frames)
    decided, expected = scores.argmax(axis=1), plain.argmax(axis=1)
    return {
        "configuration": configuration.name,
        "security_bits": security_bits,
        "ring_dimension": plan.head.parameters.ring_dimension,
        "modulus_bits": plan.head.parameters.modulus_bits,
        "rotations": plan.rotations,
        "evaluation": evaluation,
        "decryption": decryption,
        "key_bytes": key_bytes,
        "uplink_bytes": sizes[0],
        "downlink_bytes": sizes[1],
        "plain_accuracy": float(np.mean(expected == data.labels)),
        "encrypted_accuracy": float(np.mean(decided == data.labels)),
        "agreement": float(np.mean(decided == expected)),
        "max_score_error": float(np.abs(scores - plain).max()),
    }


def _run(role: str, folder: Path) -> dict[str, Any]:
    """A role's time and memory, in a fresh process with one thread."""
    command = [sys.executable, "-m", "benchmarks.paper_process", role, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, check=True, stdout=subprocess.PIPE)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Measure all nine, and write the results."""
    first = Network.load(CONFIGURATIONS[0].weights)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    data = load_labelled(path, first.frame_shape, first.labels) if path else load_samples("digits")
    rows = []
    for configuration in CONFIGURATIONS:
        for security_bits in SECURITY_LEVELS:
            with console.status(f"{configuration.name}, {security_bits} bits"):
                rows.append(measure(configuration, security_bits, data))
    report = {"machine": machine(), "weights": "plain", "frames": len(data.frames), "rows": rows}
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (RESULTS / "paper.json").write_text(text + "\n", encoding="utf-8")
    print(insert(report))
    draw("paper")


if __name__ == "__main__":
    main()
