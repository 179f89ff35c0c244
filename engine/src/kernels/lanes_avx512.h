// Eight words in an AVX-512 register, or eight doubles.
//
// Beyond the foundation it needs AVX-512DQ, which multiplies 64 by 64 bits to their low 64. High words of products are
// made of products of 32 by 32 bits, so residues are kept as halves of 30 bits, as on AVX2.
#pragma once
#include <immintrin.h>

#include "kernels.h"

namespace blindsight::avx512 {

// Words of a register.
constexpr std::size_t kWidth = 8;

struct Lanes {
  __m512i v;

  static Lanes load(const u64* words) { return {_mm512_loadu_si512(words)}; }
  static Lanes broadcast(u64 x) { return {_mm512_set1_epi64(static_cast<long long>(x))}; }
  static Lanes zero() { return {_mm512_setzero_si512()}; }
  void store(u64* words) const { _mm512_storeu_si512(words, v); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_epi64(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_epi64(a.v, b.v)}; }
inline Lanes operator&(Lanes a, Lanes b) { return {_mm512_and_si512(a.v, b.v)}; }
inline Lanes operator^(Lanes a, Lanes b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline Lanes operator>>(Lanes a, unsigned bits) { return {_mm512_srli_epi64(a.v, bits)}; }
inline Lanes operator<<(Lanes a, unsigned bits) { return {_mm512_slli_epi64(a.v, bits)}; }

template <int kBits>
inline Lanes rotated_right(Lanes a) {
  return {_mm512_ror_epi64(a.v, kBits)};
}

// x in [0, 2m) to [0, m): x - m is a large number where it is negative.
inline Lanes reduce_once(Lanes x, Lanes m) { return {_mm512_min_epu64(x.v, (x - m).v)}; }

// x + addend where x > threshold as signed numbers, else x.
inline Lanes add_where_greater(Lanes x, Lanes threshold, Lanes addend) {
  return {_mm512_mask_add_epi64(x.v, _mm512_cmpgt_epi64_mask(x.v, threshold.v), x.v, addend.v)};
}
// Whether any word of x is above that of y, as signed numbers.
inline bool any_greater(Lanes x, Lanes y) { return _mm512_cmpgt_epi64_mask(x.v, y.v) != 0; }

// Products of the low 32 bits, and the low words of products.
inline Lanes product32(Lanes a, Lanes b) { return {_mm512_mul_epu32(a.v, b.v)}; }
inline Lanes product_low(Lanes a, Lanes b) { return {_mm512_mullo_epi64(a.v, b.v)}; }

struct Prime {
  Lanes p, p2, p4, p8, low, high, inverse;

  explicit Prime(const Modulus& m)
      : p(Lanes::broadcast(m.value)),
        p2(Lanes::broadcast(2 * m.value)),
        p4(Lanes::broadcast(4 * m.value)),
        p8(Lanes::broadcast(8 * m.value)),
        low(Lanes::broadcast(m.value & kHalfMask)),
        high(Lanes::broadcast(m.value >> kHalfBits)),
        inverse(Lanes::broadcast(m.negative_inverse & kHalfMask)) {}
};

// Two words, so many apart, each four times.
template <int kStep>
inline Lanes spread_words(const u64* words) {
  const __m512i second = _mm512_set1_epi64(static_cast<long long>(words[kStep]));
  return {_mm512_mask_blend_epi64(0xF0, Lanes::broadcast(words[0]).v, second)};
}

struct Factor {
  Lanes value, quotient;

  static Factor broadcast(u64 value, u64 quotient) { return {Lanes::broadcast(value), Lanes::broadcast(quotient)}; }
  static Factor broadcast(const Multiplier& m) { return broadcast(m.value, m.quotient); }
  static Factor load(const u64* values, const u64* quotients) { return {Lanes::load(values), Lanes::load(quotients)}; }
  // For registers of `load_blocks`: each block's factor, which lie so many words apart.
  template <int kStep>
  static Factor spread(const u64* values, const u64* quotients) {
    return {spread_words<kStep>(values), spread_words<kStep>(quotients)};
  }
};

// x w mod p in [0, 4p), for any word x (Harvey 2014). The quotient's high word leaves out the product of the low
// halves and two carries, so it is at most two too small beyond Shoup's one.
inline Lanes multiply(Lanes x, const Factor& w, const Prime& prime) {
  const Lanes x_high = x >> 32, quotient_high = w.quotient >> 32;
  const Lanes middle = product32(x_high, w.quotient), other_middle = product32(x, quotient_high);
  const Lanes q = product32(x_high, quotient_high) + ((middle >> 32) + (other_middle >> 32));
  return product_low(x, w.value) - product_low(q, prime.p);
}

// Canonical to split: bits 0 to 29 in the low half of the word, the others in its high half.
inline Lanes split(Lanes x) {
  const Lanes mask = Lanes::broadcast(kHalfMask);
  return {_mm512_or_si512((x & mask).v, ((x >> kHalfBits) << 32).v)};
}

// Blocks of 16 words, as many as a register has fours: their first four words in a, the next in b, in c and in d.
inline void load_blocks(const u64* words, Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  const Lanes ab = Lanes::load(words), cd = Lanes::load(words + 8);
  const Lanes next_ab = Lanes::load(words + 16), next_cd = Lanes::load(words + 24);
  a.v = _mm512_shuffle_i64x2(ab.v, next_ab.v, 0x44);
  b.v = _mm512_shuffle_i64x2(ab.v, next_ab.v, 0xEE);
  c.v = _mm512_shuffle_i64x2(cd.v, next_cd.v, 0x44);
  d.v = _mm512_shuffle_i64x2(cd.v, next_cd.v, 0xEE);
}
inline void store_blocks(u64* words, Lanes a, Lanes b, Lanes c, Lanes d) {
  Lanes{_mm512_shuffle_i64x2(a.v, b.v, 0x44)}.store(words);
  Lanes{_mm512_shuffle_i64x2(c.v, d.v, 0x44)}.store(words + 8);
  Lanes{_mm512_shuffle_i64x2(a.v, b.v, 0xEE)}.store(words + 16);
  Lanes{_mm512_shuffle_i64x2(c.v, d.v, 0xEE)}.store(words + 24);
}

// Each block's four by four words, transposed.
inline void transpose(Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  const __m512i lower = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), upper = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i ab_even = _mm512_unpacklo_epi64(a.v, b.v), ab_odd = _mm512_unpackhi_epi64(a.v, b.v);
  const __m512i cd_even = _mm512_unpacklo_epi64(c.v, d.v), cd_odd = _mm512_unpackhi_epi64(c.v, d.v);
  a.v = _mm512_permutex2var_epi64(ab_even, lower, cd_even);
  b.v = _mm512_permutex2var_epi64(ab_odd, lower, cd_odd);
  c.v = _mm512_permutex2var_epi64(ab_even, upper, cd_even);
  d.v = _mm512_permutex2var_epi64(ab_odd, upper, cd_odd);
}

struct Doubles {
  __m512d v;

  static Doubles broadcast(double x) { return {_mm512_set1_pd(x)}; }
  static Doubles load(const double* x) { return {_mm512_loadu_pd(x)}; }
  template <int kStep>
  static Doubles spread(const double* x) {
    return {_mm512_mask_blend_pd(0xF0, _mm512_set1_pd(x[0]), _mm512_set1_pd(x[kStep]))};
  }
  static Doubles of_bits(Lanes x) { return {_mm512_castsi512_pd(x.v)}; }
  Lanes bits() const { return {_mm512_castpd_si512(v)}; }
};

inline Doubles operator+(Doubles a, Doubles b) { return {_mm512_add_pd(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) { return {_mm512_sub_pd(a.v, b.v)}; }
inline Doubles operator*(Doubles a, Doubles b) { return {_mm512_mul_pd(a.v, b.v)}; }
// a b - c and c - a b, rounded once.
inline Doubles product_minus(Doubles a, Doubles b, Doubles c) { return {_mm512_fmsub_pd(a.v, b.v, c.v)}; }
inline Doubles minus_product(Doubles c, Doubles a, Doubles b) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
inline Doubles rounded(Doubles x) {
  return {_mm512_roundscale_pd(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// x + addend where x < 0, else x.
inline Doubles add_where_negative(Doubles x, Doubles addend) {
  return {_mm512_mask_add_pd(x.v, _mm512_cmp_pd_mask(x.v, _mm512_setzero_pd(), _CMP_LT_OQ), x.v, addend.v)};
}

}  // namespace blindsight::avx512
