"""What a stage makes an engine do, in rows: how often it passes over the N residues of a polynomial modulo one prime.

Rows are what engines have in common, whatever the ring and the level: a plan's time is their number times what each
kind takes (`common.plan.costs`). The counts are those of the code in `engine/src` and of SEAL's `Evaluator`.
"""

from typing import NamedTuple

from common.engine_names import EngineName


class StageWork(NamedTuple):
    """One linear stage and the squares behind it, in operations on ciphertexts.

    `hoists` sources are rotated, altogether `babies` times, and `giants` sums are; there are `sums` of `products`.
    Each of `targets` is folded: the numbers of `fold_groups` are rotations that are added at once, 3 for two folds.
    `encrypted`: the weights are. `early`: the stage rescales before it squares.
    """

    targets: int
    hoists: int = 0
    babies: int = 0
    giants: int = 0
    sums: int = 0
    products: int = 0
    fold_groups: tuple[int, ...] = ()
    square: bool = False
    early: bool = False
    encrypted: bool = False
    chained: bool = False

    @property
    def folds(self) -> int:
        """Rotations of a target, if each fold is made by itself."""
        return sum(2 if group == 3 else 1 for group in self.fold_groups)

    @property
    def rotations(self) -> int:
        """All of them, as the plan counts them."""
        return self.babies + self.giants + self.targets * self.folds


class Rows(NamedTuple):
    """Rows by what is done with them.

    `transform`: a number-theoretic transform, or its inverse. `key_product`: a digit times both polynomials of a key,
    added up. `product`: both polynomials of a ciphertext times a plaintext, added up. `tensor_product`: a ciphertext
    times a ciphertext, added up. `wire`: residues out of bytes, or into bytes.
    """

    transform: float = 0
    key_product: float = 0
    product: float = 0
    tensor_product: float = 0
    wire: float = 0

    def plus(self, other: "Rows", times: int = 1) -> "Rows":
        """These, and so many times the others."""
        return Rows(*(one + times * more for one, more in zip(self, other, strict=True)))


def rows_of(engine: EngineName, work: StageWork, level: int) -> Rows:
    """The rows of one stage at a level."""
    rows = _native(work, level) if engine == "native" else _pyfhel(work, level)
    return rows.plus(_square(engine, level - work.early), work.targets) if work.square else rows


def _native(work: StageWork, level: int) -> Rows:
    """Rotations of a source share its digits, and sums stay extended by the special prime up to the last division."""
    primes, extended = level + 1, level + 2
    if not work.rotations and not work.encrypted:
        return Rows(product=primes * work.products, transform=2 * primes * work.targets * work.early)
    fresh, later = _decomposed(level), Rows(transform=extended + primes * extended)
    key_product = Rows(key_product=extended * (primes + 1))
    rows = Rows(transform=2 * extended * work.targets)
    rows = rows.plus(key_product, work.babies + work.giants + work.targets * sum(work.fold_groups))
    rows = rows.plus(fresh, work.hoists).plus(later, work.giants + work.targets * len(work.fold_groups))
    if work.chained:
        rows = rows.plus(later, work.babies - work.hoists)
    if not work.encrypted:
        return rows.plus(Rows(product=extended), work.products)
    # Products of ciphertexts are of data primes: so rotations are divided first, and sums relinearised.
    rows = rows.plus(Rows(transform=2 * extended), work.babies)
    return rows.plus(fresh.plus(key_product), work.sums).plus(Rows(tensor_product=primes), work.products)


def _pyfhel(work: StageWork, level: int) -> Rows:
    """Each rotation is a key switch of its own."""
    primes = level + 1
    switches = work.rotations + (work.sums if work.encrypted else 0)
    product = Rows(tensor_product=primes) if work.encrypted else Rows(product=primes)
    rescaled = Rows(transform=2 * primes if work.early else 0)
    return Rows().plus(_switched(level), switches).plus(product, work.products).plus(rescaled, work.targets)


def _square(engine: EngineName, level: int) -> Rows:
    """A square at a level, its relinearisation and its rescaling, which the native engine does in one division."""
    primes = level + 1
    together = engine == "native"
    rows = _switched(level).plus(Rows(tensor_product=primes))
    return rows if together else rows.plus(Rows(transform=2 * primes))


def _decomposed(level: int) -> Rows:
    """The digits of a polynomial modulo all primes: out of the transformed form, and into it but for its own prime."""
    primes = level + 1
    return Rows(transform=primes + primes**2)


def _switched(level: int) -> Rows:
    """A key switch by itself: digits, their products with the key, and the division by the special prime."""
    primes = level + 1
    return _decomposed(level).plus(Rows(transform=2 * (primes + 1), key_product=(primes + 1) ** 2))
