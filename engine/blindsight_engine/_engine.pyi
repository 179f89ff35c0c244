"""Stages of plans on the residues of CKKS ciphertexts.

Residues are uint64 arrays, C-contiguous, in NTT form and in SEAL's order; a polynomial has N = 2^log_dimension of them
for each prime, and a ciphertext of level l has k = l + 1 primes. A rotation is named by its Galois element: of one by
`step` slots that is pow(3, step mod N/2, 2N), and 1 is none.

All arguments are checked before anything is computed: a wrong shape, a residue that isn't below its prime or an unknown
index is a ValueError that names it. Objects don't change once they are made (`Keys` once filled), so threads may share
them; long calls release the GIL.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Residues = NDArray[np.uint64]
Indices = NDArray[np.int64]

def paths() -> tuple[str, ...]:
    """The paths that this processor can run, the fastest first.

    "avx512" (needs AVX-512F and AVX-512DQ), "avx2" (needs AVX2 and FMA), "portable" (any).
    """

def unpack(data: bytes, count: int, bits: int) -> Residues:
    """`count` residues of `bits` bits each, as the wire packs them, little-endian and without gaps.

    ValueError: `bits` isn't 1 to 64, or `data` hasn't the length that this takes.
    """

def pack(residues: Residues, bits: int) -> bytes:
    """What `unpack` reads. ValueError: `bits` isn't 1 to 64, or a residue needs more."""

class Ring:
    """The polynomials modulo X^N + 1 and the primes of a modulus chain."""

    def __init__(self, log_dimension: int, primes: Sequence[int], path: str = "") -> None:
        """`primes` as SEAL orders them, the special prime last; each is 1 modulo 2N and has 23 to 60 bits.

        `path` is one of `paths()`; "" is the first of them.

        ValueError: a prime is none, or isn't 1 modulo 2N, or appears twice; or the path can't run here.
        """

    @property
    def path(self) -> str:
        """The path that runs."""

    @property
    def dimension(self) -> int:
        """N, the number of coefficients of a polynomial."""

    @property
    def primes(self) -> tuple[int, ...]:
        """The primes, the special one last."""

    def ntt(self, prime: int, residues: Residues) -> Residues:
        """Coefficients [N] modulo the prime of index `prime`, in NTT form: SEAL's order and roots."""

    def inverse_ntt(self, prime: int, residues: Residues) -> Residues:
        """The reverse of `ntt`."""

    def expand(self, seed: bytes, count: int) -> Residues:
        """The polynomial [count, N] modulo the first `count` primes that SEAL 4.1 draws from a seed of 64 bytes.

        ValueError: the seed has another length, there aren't so many primes, or N is below 512.
        """

class Keys:
    """Evaluation keys of one key set, in the form in which stages use them."""

    def __init__(self, ring: Ring) -> None: ...
    def add(self, element: int, level: int, residues: Residues) -> None:
        """Adds the key of a Galois element, or the relinearisation key, which is element 0.

        `residues` is [parts, 2, primes of the ring, N] with at least `level` + 1 parts, as SEAL makes it. `level` is
        the highest at which the key is used; what higher ones would need isn't kept.

        ValueError: the element is even or not below 2N, or is there already; the level isn't one of the ring.
        """

    def words(self, element: int) -> Residues:
        """The words [any] of the key of an element, in the form in which stages use it; a view that can't be written.

        The form is this build's and this path's, and no other's. KeyError: the key is missing.
        """

    def add_words(self, element: int, level: int, words: Residues) -> None:
        """Adds the key whose words these are, without a copy: they may lie in a mapped file. They aren't checked.

        ValueError: another number of words than this level's; and as for `add`.
        """

    @property
    def elements(self) -> dict[int, int]:
        """The elements that are here, with their levels."""

    @property
    def bytes(self) -> int:
        """The memory that they take, in bytes."""

class Stage:
    """One stage of a plan, at a level: sums of rotated inputs times weights, then folds, biases and a square.

    The value of a target is the sum over its sums of rot_giant(the sum over their terms of rot_element(input) ·
    weight).
    Then each fold group, in order, adds to a value its rotations by the elements of the group; then biases are added;
    then the value is squared and relinearised, if `square`, and rescaled.
    """

    def __init__(
        self,
        ring: Ring,
        level: int,
        rotations: Indices,
        sums: Indices,
        terms: Indices,
        weights: Sequence[Residues],
        fold_groups: Sequence[Sequence[int]],
        biases: Sequence[Residues | None],
        square: bool,
        rescale_first: bool,
        encrypted: bool = False,
        chained: bool = False,
    ) -> None:
        """`rotations` [n, 2]: index of an input, Galois element. `sums` [m, 2]: index of a target, Galois element of
        its giant. `terms` [t, 3]: indices of a sum, a rotation and a weight. Sums and terms are in ascending order.

        `weights` are [k, N], plaintexts as SEAL encodes them at the level; if `encrypted` they are ciphertexts
        [2, k, N], which aren't copied: they may lie in a mapped file, and their residues aren't checked. Weights are
        read one at a time, in order, so a sequence may make each when it is asked for. `biases` has one for each
        target, at the level and scale of what it is added to: a plaintext [k, N], a ciphertext [2, k, N], or None.

        `rescale_first` rescales before the square, too.

        If `chained`, a rotation is made from the one before it in `rotations` where both are of one input, and its
        element is from that one; likewise a sum is rotated with all that came to it, and added to the one before it of
        its target. A sum that another is added to may have no term.

        ValueError: an index is out of range, or a shape or a residue is wrong.
        """

    @property
    def bytes(self) -> int:
        """The memory that its weights and tables take, in bytes; what isn't copied doesn't count."""

    def run(self, keys: Keys, inputs: Sequence[Residues]) -> list[Residues]:
        """The targets' ciphertexts [2, k', N], for inputs [2, k or more, N] by their index; of more primes the first k
        are read. k' is k less the number of times that the stage rescales.

        ValueError: the keys are of another ring, or an input is missing or wrong.
        KeyError: a key that the stage needs is missing, or is kept up to a lower level only; it names the element.
        """
