// Seeds back to the uniform polynomials that SEAL drew from them. Seeds are public, as what is drawn from them is.
#pragma once
#include <vector>

#include "kernels/kernels.h"

namespace blindsight {

constexpr std::size_t kSeedBytes = 64;

// Draws `dimension` residues for each prime, one row behind the other, as SEAL 4.1 does: `Blake2xbPRNG` gives 4096
// bytes for each count, and `sample_poly_uniform` takes a word for each residue, all words first, and another one
// for each that is beyond the last multiple of the prime. `dimension` is a multiple of 512, which 4096 bytes hold.
void expand(const Kernels& kernels, const u8* seed, std::size_t dimension, const std::vector<u64>& primes, u64* out);

}  // namespace blindsight
