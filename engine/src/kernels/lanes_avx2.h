// Four words in an AVX2 register, or four doubles. AVX2 multiplies 32 by 32 bits only, so residues are kept as halves of
// 30 bits.
#pragma once
#include <immintrin.h>

#include <array>

#include "kernels.h"

namespace blindsight::avx2 {

// Words of a register.
constexpr std::size_t kWidth = 4;

struct Lanes {
  __m256i v;

  static Lanes load(const u64* words) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words))}; }
  static Lanes broadcast(u64 x) { return {_mm256_set1_epi64x(static_cast<long long>(x))}; }
  static Lanes zero() { return {_mm256_setzero_si256()}; }
  // Words 0 and 1 as 0 0 1 1.
  static Lanes load_doubled(const u64* words) {
    const __m128i pair = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
    return {_mm256_permute4x64_epi64(_mm256_castsi128_si256(pair), 0x50)};
  }
  void store(u64* words) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), v); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm256_add_epi64(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm256_sub_epi64(a.v, b.v)}; }
inline Lanes operator&(Lanes a, Lanes b) { return {_mm256_and_si256(a.v, b.v)}; }
inline Lanes operator^(Lanes a, Lanes b) { return {_mm256_xor_si256(a.v, b.v)}; }
inline Lanes operator>>(Lanes a, int bits) { return {_mm256_srli_epi64(a.v, bits)}; }
inline Lanes operator<<(Lanes a, int bits) { return {_mm256_slli_epi64(a.v, bits)}; }

template <int kBits>
inline Lanes rotated_right(Lanes a) {
  static_assert(kBits % 8 == 0 || kBits == 63);
  if constexpr (kBits == 63) return {_mm256_or_si256(_mm256_srli_epi64(a.v, 63), _mm256_add_epi64(a.v, a.v))};
  constexpr u64 kSame = 0x0706050403020100, kEight = 0x0808080808080808;  // each byte's place in its word
  constexpr u64 kOrder = kBits == 63 ? kSame : kSame >> kBits | kSame << (64 - kBits);
  constexpr auto first = static_cast<long long>(kOrder), second = static_cast<long long>(kOrder + kEight);
  return {_mm256_shuffle_epi8(a.v, _mm256_setr_epi64x(first, second, first, second))};
}

// x in [0, 2m) to [0, m), for m up to 2^63.
inline Lanes reduce_once(Lanes x, Lanes m) {
  const __m256d less = _mm256_castsi256_pd((x - m).v);
  return {_mm256_castpd_si256(_mm256_blendv_pd(less, _mm256_castsi256_pd(x.v), less))};
}

// x + addend where x > threshold as signed numbers, else x.
inline Lanes add_where_greater(Lanes x, Lanes threshold, Lanes addend) {
  return x + (Lanes{_mm256_cmpgt_epi64(x.v, threshold.v)} & addend);
}
// Whether any word of x is above that of y, as signed numbers.
inline bool any_greater(Lanes x, Lanes y) {
  const __m256i greater = _mm256_cmpgt_epi64(x.v, y.v);
  return _mm256_testz_si256(greater, greater) == 0;
}

// Products of the low 32 bits.
inline Lanes product32(Lanes a, Lanes b) { return {_mm256_mul_epu32(a.v, b.v)}; }

struct Prime {
  Lanes p, p2, p4, p8, halves_swapped, low, high, inverse;

  explicit Prime(const Modulus& m)
      : p(Lanes::broadcast(m.value)),
        p2(Lanes::broadcast(2 * m.value)),
        p4(Lanes::broadcast(4 * m.value)),
        p8(Lanes::broadcast(8 * m.value)),
        halves_swapped(Lanes{_mm256_shuffle_epi32(p.v, 0xB1)}),
        low(Lanes::broadcast(m.value & kHalfMask)),
        high(Lanes::broadcast(m.value >> kHalfBits)),
        inverse(Lanes::broadcast(m.negative_inverse & kHalfMask)) {}
};

struct Factor {
  Lanes value, quotient;

  static Factor broadcast(u64 value, u64 quotient) { return {Lanes::broadcast(value), Lanes::broadcast(quotient)}; }
  static Factor broadcast(const Multiplier& m) { return broadcast(m.value, m.quotient); }
  static Factor load(const u64* values, const u64* quotients) { return {Lanes::load(values), Lanes::load(quotients)}; }
  // For registers of `load_blocks`: each block's factor, which lie so many words apart.
  template <int kStep>
  static Factor spread(const u64* values, const u64* quotients) {
    return broadcast(*values, *quotients);
  }
};

// x w mod p in [0, 4p), for any word x (Harvey 2014). The quotient's high word leaves out the product of the low
// halves and two carries, so it is at most two too small beyond Shoup's one.
inline Lanes multiply(Lanes x, const Factor& w, const Prime& prime) {
  const Lanes x_high = x >> 32, quotient_high = w.quotient >> 32;
  const Lanes middle = product32(x_high, w.quotient), other_middle = product32(x, quotient_high);
  const Lanes q = product32(x_high, quotient_high) + ((middle >> 32) + (other_middle >> 32));
  // x w - q p modulo 2^64: the low halves' products, and the sum of the crossed ones in the high half
  const __m256i value_swapped = _mm256_shuffle_epi32(w.value.v, 0xB1);
  const __m256i crossed =
      _mm256_sub_epi32(_mm256_mullo_epi32(x.v, value_swapped), _mm256_mullo_epi32(q.v, prime.halves_swapped.v));
  const Lanes sum{_mm256_add_epi64(crossed, _mm256_slli_epi64(crossed, 32))};
  const Lanes low = product32(x, w.value) - product32(q, prime.p);
  return low + Lanes{_mm256_blend_epi32(_mm256_setzero_si256(), sum.v, 0xAA)};
}

// Canonical to split: bits 0 to 29 in the low half of the word, the others in its high half.
inline Lanes split(Lanes x) {
  const Lanes mask = Lanes::broadcast(kHalfMask);
  return {_mm256_or_si256((x & mask).v, ((x >> kHalfBits) << 32).v)};
}

// Blocks of 16 words, as many as a register has fours: their first four words in a, the next in b, in c and in d.
inline void load_blocks(const u64* words, Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  a = Lanes::load(words);
  b = Lanes::load(words + 4);
  c = Lanes::load(words + 8);
  d = Lanes::load(words + 12);
}
inline void store_blocks(u64* words, Lanes a, Lanes b, Lanes c, Lanes d) {
  a.store(words);
  b.store(words + 4);
  c.store(words + 8);
  d.store(words + 12);
}

// Each block's four by four words, transposed.
inline void transpose(Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  const __m256i ab_even = _mm256_unpacklo_epi64(a.v, b.v), ab_odd = _mm256_unpackhi_epi64(a.v, b.v);
  const __m256i cd_even = _mm256_unpacklo_epi64(c.v, d.v), cd_odd = _mm256_unpackhi_epi64(c.v, d.v);
  a.v = _mm256_permute2x128_si256(ab_even, cd_even, 0x20);
  b.v = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x20);
  c.v = _mm256_permute2x128_si256(ab_even, cd_even, 0x31);
  d.v = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x31);
}

// For each pattern of four two-bit word numbers, the numbers of the 32-bit halves.
constexpr std::array<std::array<u32, 8>, 256> make_pattern_table() {
  std::array<std::array<u32, 8>, 256> table{};
  for (u32 pattern = 0; pattern < 256; ++pattern)
    for (u32 word = 0; word < 4; ++word) {
      const u32 source = (pattern >> (2 * word)) & 3;
      table[pattern][2 * word] = 2 * source;
      table[pattern][2 * word + 1] = 2 * source + 1;
    }
  return table;
}
alignas(32) inline constexpr auto kPatternTable = make_pattern_table();

inline Lanes permute(Lanes x, u8 pattern) {
  const auto* halves = reinterpret_cast<const __m256i*>(kPatternTable[pattern].data());
  return {_mm256_permutevar8x32_epi32(x.v, _mm256_load_si256(halves))};
}

struct Doubles {
  __m256d v;

  static Doubles broadcast(double x) { return {_mm256_set1_pd(x)}; }
  static Doubles load(const double* x) { return {_mm256_loadu_pd(x)}; }
  template <int kStep>
  static Doubles spread(const double* x) {
    return broadcast(*x);
  }
  static Doubles of_bits(Lanes x) { return {_mm256_castsi256_pd(x.v)}; }
  Lanes bits() const { return {_mm256_castpd_si256(v)}; }
};

inline Doubles operator+(Doubles a, Doubles b) { return {_mm256_add_pd(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) { return {_mm256_sub_pd(a.v, b.v)}; }
inline Doubles operator*(Doubles a, Doubles b) { return {_mm256_mul_pd(a.v, b.v)}; }
// a b - c and c - a b, rounded once.
inline Doubles product_minus(Doubles a, Doubles b, Doubles c) { return {_mm256_fmsub_pd(a.v, b.v, c.v)}; }
inline Doubles minus_product(Doubles c, Doubles a, Doubles b) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
inline Doubles rounded(Doubles x) { return {_mm256_round_pd(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// x + addend where x < 0, else x.
inline Doubles add_where_negative(Doubles x, Doubles addend) {
  const __m256d negative = _mm256_cmp_pd(x.v, _mm256_setzero_pd(), _CMP_LT_OQ);
  return {_mm256_add_pd(x.v, _mm256_and_pd(negative, addend.v))};
}

}  // namespace blindsight::avx2
