"""Encrypted scores to labels: what only the holder of the key set can do."""

import numpy as np
from numpy.typing import NDArray

from common.ckks.rounded import decode_scores
from common.keys.key_set import KeySet
from common.plan.plan import PlanHead

#: Scores, shape (frames, labels).
Scores = NDArray[np.float64]


class ScoreReader:
    """Reads the encrypted scores that come back for a plan. Raises `KeySetError` for a key set of another plan."""

    def __init__(self, head: PlanHead, key_set: KeySet) -> None:
        key_set.header.check_serves(head)
        self.head = head
        self.key_set = key_set

    def scores(self, reply: bytes) -> Scores:
        """The scores (frames, labels) in the reply's ciphertexts, in order of the frames.

        There is a row for each frame that the plan's ciphertexts have room for; rows without a frame mean nothing.

        The scores stay with the key holder: whoever else gets raw decryptions can compute the secret key
        (Li and Micciancio, EUROCRYPT 2021).

        Raises `WireError` for a reply that isn't such ciphertexts.
        """
        head = self.head
        ciphertexts = decode_scores(self.key_set.context, reply, head.output_scale, head.output_ciphertexts)
        return head.read_scores(np.stack([self.key_set.decrypt(ciphertext) for ciphertext in ciphertexts]))

    def decide(self, reply: bytes, frames: int) -> list[int]:
        """The index of the highest score of each of the first `frames` frames. Raises `WireError` as `scores` does."""
        return [int(label) for label in self.scores(reply)[:frames].argmax(axis=1)]


def leads(scores: Scores) -> NDArray[np.float64]:
    """How far each frame's highest score is above its second, in scores, shape (frames,); 0 for only one label."""
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else np.zeros(len(scores))
