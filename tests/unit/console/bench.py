"""A site's key set for a small network, and labels as a worker would make them."""

import time
from pathlib import Path

import numpy as np

from common.ckks.ciphertext import encode_ciphertexts
from common.keys.key_set import KeySet, create_key_set
from common.plan.layers import Dense, Flatten
from common.plan.network import Network
from common.plan.plan import PlanHead
from common.wire.messages import EncryptedScores
from compiler.compile import compile_network

K = 4
JOB = "00000012-0123456789abcdef"


def make_head(seed: int = 0) -> PlanHead:
    """Of a network of three labels, four frames in a ciphertext; a fresh ciphertext can stand for a reply."""
    rng = np.random.default_rng(seed)
    layers = (Flatten(), Dense(rng.normal(size=(3, 4)), np.zeros(3)))
    network = Network("tiny", (2, 2, 1), ("a", "b", "c"), layers)
    head = compile_network(network, rng.integers(0, 256, (20, 2, 2, 1), dtype=np.uint8), frames_per_ciphertext=K).head
    assert head.parameters.levels == 0
    return head


def make_keys(head: PlanHead, folder: Path) -> KeySet:
    return create_key_set(head, folder)


def make_label(head: PlanHead, key_set: KeySet, scores: np.ndarray, job: str = JOB) -> EncryptedScores:
    """A reply with these scores (frames, labels)."""
    slots = np.zeros((*head.output_layout.shape, K))
    for frame, of_frame in enumerate(scores):
        for label, score in enumerate(of_frame):
            row, slot = np.argwhere(head.output_layout == label)[0]
            slots[row, slot, frame] = score / head.output_factor
    encrypted = [key_set.context.encrypt(row, head.output_scale) for row in slots.reshape(head.output_ciphertexts, -1)]
    data = encode_ciphertexts(key_set.context, encrypted)
    now = time.time()
    return EncryptedScores(1, job, key_set.fingerprint, head.hash, now, now, now, now, "w", data, len(scores))
