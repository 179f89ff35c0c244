"""What an operation costs, in milliseconds, by ring dimension and level."""

#: Measured with Pyfhel 3.5.0 (SEAL 4.1) on one core of an AMD EPYC 9004 at N = 8192 with
#: 1, 2, 3 data primes: `python -m benchmarks.operations`. Times grow with N log N.
_ROTATE = (0.75, 1.4, 2.2)
_MULTIPLY_PER_PRIME = 0.05
_ADD_PER_PRIME = 0.015
_REFERENCE_DIMENSION = 8192


def rotation_ms(ring_dimension: int, level: int) -> float:
    """One key switch (rotation or relinearisation) of a ciphertext at this level."""
    if level < len(_ROTATE):
        reference = _ROTATE[level]
    else:  # the decomposition is quadratic in the number of primes
        reference = _ROTATE[-1] * (level + 1) * (level + 2) / (len(_ROTATE) * (len(_ROTATE) + 1))
    return reference * _ring_factor(ring_dimension)


def stage_ms(rotations: int, products: int, ring_dimension: int, level: int) -> float:
    """All rotations, products and additions of one linear stage."""
    per_product = (_MULTIPLY_PER_PRIME + _ADD_PER_PRIME) * (level + 1) * _ring_factor(ring_dimension)
    return rotations * rotation_ms(ring_dimension, level) + products * per_product


def _ring_factor(ring_dimension: int) -> float:
    grows = ring_dimension * ring_dimension.bit_length()
    return grows / (_REFERENCE_DIMENSION * _REFERENCE_DIMENSION.bit_length())
