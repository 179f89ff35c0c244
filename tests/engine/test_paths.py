"""All paths of the engine's code compute the same, to the last bit: on random residues, in small rings."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.ckks.primes import chain_of

blindsight_engine = pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

PATHS = blindsight_engine.paths()
RINGS = st.sampled_from([(6, (40, 40, 45)), (8, (60, 23, 50, 60)), (10, (55, 36, 52, 59, 60))])
SEEDS = st.integers(0, 2**32 - 1)
Residues = NDArray[np.uint64]


class Site:
    """A ring with random keys for all that a stage may need."""

    def __init__(self, path: str, log_dimension: int, bits: tuple[int, ...], seed: int) -> None:
        self.dimension = 2**log_dimension
        self.primes = chain_of(bits, self.dimension)
        self.ring = blindsight_engine.Ring(log_dimension, self.primes, path)
        self.level = len(bits) - 2
        self.random = np.random.default_rng(seed)
        self.keys = blindsight_engine.Keys(self.ring)
        self.elements = [pow(3, step, 2 * self.dimension) for step in (1, 2, 5, self.dimension // 2 - 1)]
        for element in (0, *self.elements):
            self.keys.add(element, self.level, self.draw(len(bits) - 1, 2, count=len(bits)))

    def draw(self, *shape: int, count: int) -> Residues:
        """Residues modulo the first `count` primes, the last two axes of the result; 0 and p - 1 are among them."""
        rows = [self.random.integers(0, p, (*shape, self.dimension), np.uint64) for p in self.primes[:count]]
        for row, prime in zip(rows, self.primes, strict=False):
            row[..., 0], row[..., 1] = 0, prime - 1
        return np.stack(rows, axis=-2)

    def stage(self, **options: bool) -> Any:
        """Two targets of two inputs: rotated, with giants, one with a bias, and folded."""
        count, elements = self.level + 1, self.elements
        rotations = np.array([(0, 1), (0, elements[0]), (1, elements[1]), (1, 1)])
        sums = np.array([(0, 1), (0, elements[2]), (1, 1)])
        terms = np.array([(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 3, 1), (1, 0, 2), (2, 2, 0)])
        polynomials = (2,) if options.get("encrypted") else ()
        weights = [self.draw(*polynomials, count=count) for _ in range(3)]
        biases = [self.draw(count=count), None]
        folds = [[elements[3]], [elements[0], elements[1]]]
        flags = {"square": True, "rescale_first": False, **options}
        return blindsight_engine.Stage(self.ring, self.level, rotations, sums, terms, weights, folds, biases, **flags)


@settings(max_examples=8)
@given(ring=RINGS, seed=SEEDS)
def test_a_transform_and_its_inverse(ring: tuple[int, tuple[int, ...]], seed: int) -> None:
    sites = [Site(path, *ring, seed) for path in PATHS]
    residues = sites[0].draw(count=len(ring[1]))
    for index, row in enumerate(residues):
        first, *others = [site.ring.ntt(index, row) for site in sites]
        assert all(np.array_equal(first, other) for other in others)
        assert all(np.array_equal(site.ring.inverse_ntt(index, first), row) for site in sites)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("square", [False, True])
@settings(max_examples=5)
@given(ring=RINGS, seed=SEEDS)
def test_stages(ring: tuple[int, tuple[int, ...]], seed: int, square: bool, encrypted: bool) -> None:
    for rescale_first in {False, square and len(ring[1]) > 3}:
        results = []
        for path in PATHS:
            site = Site(path, *ring, seed)
            stage = site.stage(square=square, rescale_first=rescale_first, encrypted=encrypted)
            inputs = [site.draw(2, count=site.level + 1) for _ in range(2)]
            results.append(stage.run(site.keys, inputs))
        rescalings = square + rescale_first
        for targets in zip(*results, strict=True):
            assert targets[0].shape == (2, site.level + 1 - rescalings, site.dimension)
            assert all(np.array_equal(targets[0], other) for other in targets[1:])
