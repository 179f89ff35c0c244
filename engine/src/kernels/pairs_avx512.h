// Four words of both polynomials of a ciphertext, in one AVX-512 register.
#pragma once
#include "half_products.h"

namespace blindsight::avx512 {

struct Pair : Lanes {
  // Four words of the first polynomial and then of the second, as blocks and keys have them.
  static Pair load(const u64* words) { return {Lanes::load(words)}; }
  static Pair load(const u64* first, const u64* second) {
    return {{_mm512_inserti64x4(_mm512_castsi256_si512(load_four(first)), load_four(second), 1)}};
  }
  // The second polynomial is zero.
  static Pair load_first(const u64* first) { return {{_mm512_zextsi256_si512(load_four(first))}}; }
  static Pair zero() { return {Lanes::zero()}; }
  void store(u64* words) const { Lanes::store(words); }
  void store(u64* to_first, u64* to_second) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to_first), _mm512_castsi512_si256(v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to_second), _mm512_extracti64x4_epi64(v, 1));
  }

 private:
  static __m256i load_four(const u64* words) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)); }
};

inline Pair operator+(const Pair& a, const Pair& b) { return {static_cast<Lanes>(a) + static_cast<Lanes>(b)}; }
inline Pair reduce_once(const Pair& x, Lanes m) { return {reduce_once(static_cast<Lanes>(x), m)}; }
inline Pair split(const Pair& x) { return {split(static_cast<Lanes>(x))}; }

// Word l of each polynomial is its word pattern[l], of two bits.
inline Pair permute(const Pair& x, u8 pattern) {
  const __m512i shifts = _mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6), polynomial = _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4);
  const __m512i word = _mm512_and_si512(_mm512_srlv_epi64(_mm512_set1_epi64(pattern), shifts), _mm512_set1_epi64(3));
  return {{_mm512_permutexvar_epi64(_mm512_or_si512(word, polynomial), x.v)}};
}

// Factors of products, ready to be multiplied.
using PairHalves = Halves;

// Four words that multiply both polynomials.
struct SharedHalves : Halves {
  static SharedHalves broadcast(u64 canonical) { return {of_canonical(Lanes::broadcast(canonical))}; }
  static SharedHalves load(const u64* words) {
    return {of_split(Lanes{_mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)))})};
  }
  // Two words that stand for four: w0 w0 w1 w1.
  static SharedHalves load_doubled(const u64* words) {
    const __m512i pairs = _mm512_broadcast_i64x2(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
    return {of_split(Lanes{_mm512_castpd_si512(_mm512_permute_pd(_mm512_castsi512_pd(pairs), 0xCC))})};
  }
};

// Sums of products of both polynomials.
struct PairAccumulator : Accumulator {
  Pair reduced(const Prime& prime) const { return {Accumulator::reduced(prime)}; }
};

}  // namespace blindsight::avx512
