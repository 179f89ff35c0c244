"""The ciphertexts between a plan's stages, whatever holds their residues."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

Held = TypeVar("Held")
#: The number of a value (0 for the frames, then one for each stage), and of a ciphertext within it.
Source = tuple[int, int]


class Values(Generic[Held]):
    """Ciphertexts by their source, each until the last stage has read it: a large network's would fill the memory.

    `stages` tells what each stage reads.
    """

    def __init__(self, inputs: Sequence[Held], stages: Sequence[Iterable[Source]]) -> None:
        self._held: dict[Source, Held] = {}
        self._reads = Counter(source for stage in stages for source in set(stage))
        self.add(0, inputs)

    def add(self, value: int, ciphertexts: Sequence[Held]) -> None:
        """What a stage ended in."""
        self._held.update({(value, number): one for number, one in enumerate(ciphertexts)})

    def __getitem__(self, source: Source) -> Held:
        return self._held[source]

    def have_read(self, sources: Iterable[Source]) -> None:
        """A stage has read these, and forgets those that no other will."""
        for source in set(sources):
            self._reads[source] -= 1
            if not self._reads[source]:
                del self._held[source]
