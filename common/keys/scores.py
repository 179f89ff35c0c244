"""Encrypted scores to labels: what only the holder of the key set can do."""

import numpy as np
from numpy.typing import NDArray

from common.ckks.ciphertext import decode_ciphertexts
from common.keys.key_set import KeySet
from common.plan.plan import PlanHead

Scores = NDArray[np.float64]


class ScoreReader:
    """Reads the labels that come back for a plan."""

    def __init__(self, head: PlanHead, key_set: KeySet) -> None:
        key_set.header.check_serves(head)
        self.head = head
        self.key_set = key_set

    def scores(self, reply: bytes) -> Scores:
        """The scores (frames, labels) in encrypted ones, in order of the frames. Raises `WireError` for anything else.

        There are as many as a ciphertext takes; those of places without a frame mean nothing.

        They stay with the key holder: given to others, raw decryptions reveal the secret key
        (Li and Micciancio, EUROCRYPT 2021).
        """
        head = self.head
        ciphertexts = decode_ciphertexts(self.key_set.context, reply, 0, head.output_scale, head.output_ciphertexts)
        return head.read_scores(np.stack([self.key_set.decrypt(ciphertext) for ciphertext in ciphertexts]))

    def decide(self, reply: bytes, frames: int) -> list[int]:
        """For each of so many frames the index of its highest score. Raises `WireError`."""
        return [int(label) for label in self.scores(reply)[:frames].argmax(axis=1)]


def leads(scores: Scores) -> NDArray[np.float64]:
    """How far each frame's highest score is above its second, in scores; 0 where there is only one label."""
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else np.zeros(len(scores))
