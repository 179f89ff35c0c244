// What a path must offer: loops over the words of one row, compiled once for each kind of processor.
//
// A *row* holds N residues of one prime. *Canonical* residues lie in [0, p). A path may store a row in its own
// *split* form, the one that it multiplies fastest; keys, digits and weights are kept so. Keys and weights are also
// multiplied by 2^60 (Montgomery's factor), which their sums of products are divided by.
#pragma once
#include <cstddef>

#include "../arithmetic.h"

// For the functions of a path that work on registers: compilers find some too long to inline by themselves, and then pass
// registers through memory, which takes twice as long.
#define BLINDSIGHT_INLINE [[gnu::always_inline]] inline

namespace blindsight {

// Powers of a root in bit-reversed order, each as a value and its quotient: Shoup's for words. For doubles the value is
// the representative nearest to zero, and the quotient is value / p.
template <class Number>
struct RootTables {
  const Number* roots[2] = {};  // [value or quotient]
  const Number* inverse_roots[2] = {};
  // The last layer's roots, those of even and of odd groups apart: [even or odd][value or quotient].
  const Number* last_roots[2][2] = {};
  const Number* inverse_last_roots[2][2] = {};
  Number inverse_dimension[2] = {};       // 1/N
  Number inverse_dimension_root[2] = {};  // 1/N times the last layer's inverse root
};

// What a number-theoretic transform modulo one prime needs.
struct NttTables {
  Modulus modulus;
  int log_dimension = 0;
  std::size_t dimension = 0;
  RootTables<u64> words;
  // Where the path transforms this prime in doubles.
  bool in_doubles = false;
  RootTables<double> doubles;
};

enum class Form { canonical, split };

// The action of a Galois element on rows in the transformed, bit-reversed order. It moves blocks of four words:
// block b's word pattern[l] of two bits becomes word l of block destination[b].
struct Permutation {
  const u32* destination = nullptr;
  const u8* pattern = nullptr;
};

// out = permuted(sum_i digits_i key_i + scale (scaled0, scaled1) + (added, 0)): the row of a switched ciphertext.
struct KeyProduct {
  enum class Output { split, canonical, accumulate };

  const Modulus* modulus = nullptr;
  std::size_t dimension = 0;
  std::size_t parts = 0;
  const u64* const* digits = nullptr;  // split
  const u64* const* keys = nullptr;    // split Montgomery; four words of polynomial 0, four of polynomial 1, and so on
  const u64* scaled[2] = {};           // canonical; null where there is none
  u64 scale = 0;                       // canonical Montgomery
  const u64* added = nullptr;          // canonical, or null
  const Permutation* permutation = nullptr;  // or null
  Output output = Output::canonical;
  u64* out[2] = {};
};

// One block of one row of every sum of rotations times weights.
struct WeightedSums {
  const Modulus* modulus;
  std::size_t words;            // of the block
  std::size_t rotations;
  const u64* const* inputs[2];  // [polynomial][rotation]: split
  std::size_t sums;
  const u32* begin;             // the first term of each sum, and one behind the last
  const u32* rotation;          // of each term
  const u64* weights;           // split Montgomery, in order of use: sum, four words, term
  bool halved;                  // two words stand for four: w0 w0 w1 w1
  u64* scratch;                 // rotations * 2 * words
  u64* const* out[2];           // [polynomial][sum]: canonical
};

// Sums of products of two polynomials by two: (x0 y0, x0 y1 + x1 y0, x1 y1).
struct TensorSums {
  // Words of a row that are gathered from all terms at a time.
  static constexpr std::size_t kBlock = 64;

  const Modulus* modulus;
  std::size_t dimension;
  std::size_t terms;
  const u64* const* x[2];  // [polynomial][term]: split Montgomery
  const u64* const* y[2];  // canonical
  u64* scratch;            // terms * 2 * kBlock
  u64* out[3];             // canonical
};

struct Kernels {
  const char* name;
  // Primes of so many bits at most are transformed in doubles; 0: none.
  int most_double_bits;
  // out = transform of `in`, whose words are lifted first. `in` may be `out`.
  void (*ntt)(const NttTables&, const u64* in, const Lift&, u64* out, Form);
  // Canonical to canonical. `in` may be `out`.
  void (*inverse_ntt)(const NttTables&, const u64* in, u64* out);
  void (*key_product)(const KeyProduct&);
  void (*weighted_sums)(const WeightedSums&);
  void (*tensor_sums)(const TensorSums&);
  // out = (x - lifted y) * factor, in the form given.
  void (*subtract_multiply)(const Modulus&, std::size_t, const u64* x, const u64* y, const Lift&, const Multiplier&,
                            u64* out, Form);
  // out = lifted x + lifted y * factor, below 8 p.
  void (*add_multiple)(const Modulus&, std::size_t, const u64* x, const Lift&, const u64* y, const Lift&,
                       const Multiplier&, u64* out);
  // out = x * factor, in the form given.
  void (*multiply)(const Modulus&, std::size_t, const u64* x, const Multiplier&, u64* out, Form);
  // Canonical to split.
  void (*split)(std::size_t, const u64* x, u64* out);
  // out = x + y.
  void (*add)(const Modulus&, std::size_t, const u64* x, const u64* y, u64* out);
  // Whether all words are below the bound, which is at most 2^63.
  bool (*all_below)(std::size_t, const u64* x, u64 bound);
  // The output of BLAKE2Xb for a root of eight words; `output_bytes` is a multiple of 256.
  void (*blake2xb_leaves)(const u64* root, u32 output_bytes, u64* out);
};

// Of each path; all but the portable one only where the processor is known to run them.
const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();

}  // namespace blindsight
