// The transform in doubles, for primes below 2^52: on AVX2 about twice as fast as in words, whose products of 64 bits
// take ten of 32.
//
// Values are integers that a double holds exactly, below 2^53 in magnitude, kept near zero. A product x w is the exact
// sum of two doubles, h = x w rounded and l = x w - h (a fused multiply-add); with a = round(x w / p), h - a p is exact
// too (Dekker 1971; van der Hoeven, Lecerf and Quintin, "Modular SIMD arithmetic in Mathemagix", 2016, section 3).
//
// Bounds, in units of p: a product of |x| <= B is at most 1/2 + B p / 2^53. So for p < 2^50 products of up to 8 p are
// at most p, and one reduction for two layers is enough. For p < 2^52 products of up to 2 p are at most 3/2 p, and
// values are reduced before each layer.
#pragma once
#include <immintrin.h>

#include "ntt.h"

namespace blindsight::avx2 {

constexpr int kMostLazyDoubleBits = 50;
constexpr int kMostDoubleBits = 52;

struct Doubles {
  __m256d v;

  static Doubles broadcast(double x) { return {_mm256_set1_pd(x)}; }
  static Doubles load(const double* x) { return {_mm256_loadu_pd(x)}; }
  // Rows hold doubles between passes, in the memory of their words.
  static Doubles load(const u64* words) { return {_mm256_castsi256_pd(Lanes::load(words).v)}; }
  void store(u64* words) const { Lanes{_mm256_castpd_si256(v)}.store(words); }
};

inline Doubles operator+(Doubles a, Doubles b) { return {_mm256_add_pd(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) { return {_mm256_sub_pd(a.v, b.v)}; }

inline Doubles rounded_product(Doubles a, Doubles b) {
  return {_mm256_round_pd(_mm256_mul_pd(a.v, b.v), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

struct DoubleFactor {
  Doubles value, quotient;

  static DoubleFactor broadcast(const double* const (&table)[2], std::size_t i) {
    return {Doubles::broadcast(table[0][i]), Doubles::broadcast(table[1][i])};
  }
  static DoubleFactor broadcast(const double (&pair)[2]) {
    return {Doubles::broadcast(pair[0]), Doubles::broadcast(pair[1])};
  }
  static DoubleFactor load(const double* const (&table)[2], std::size_t i) {
    return {Doubles::load(table[0] + i), Doubles::load(table[1] + i)};
  }
};

struct DoublePrime {
  Doubles p, reciprocal;

  explicit DoublePrime(const Modulus& m)
      : p(Doubles::broadcast(static_cast<double>(m.value))),
        reciprocal(Doubles::broadcast(1.0 / static_cast<double>(m.value))) {}
};

inline Doubles multiply(Doubles x, const DoubleFactor& w, const DoublePrime& q) {
  const __m256d high = _mm256_mul_pd(x.v, w.value.v), low = _mm256_fmsub_pd(x.v, w.value.v, high);
  const Doubles multiple = rounded_product(x, w.quotient);
  return {_mm256_add_pd(_mm256_fnmadd_pd(multiple.v, q.p.v, high), low)};
}

// To at most p/2 in magnitude.
inline Doubles reduced(Doubles x, const DoublePrime& q) {
  return {_mm256_fnmadd_pd(rounded_product(x, q.reciprocal).v, q.p.v, x.v)};
}

// A word below 2^52 as a double, and back: the bits of 2^52 + x are those of 2^52, with x in the mantissa.
inline Doubles to_double(Lanes x) {
  const __m256d magic = _mm256_set1_pd(4503599627370496.0);
  return {_mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(x.v), magic), magic)};
}
inline Lanes to_word(Doubles x) {
  const __m256d magic = _mm256_set1_pd(4503599627370496.0);
  return {_mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(x.v, magic), magic))};
}

// Any value to a canonical word.
inline Lanes canonical(Doubles x, const DoublePrime& q) {
  const Doubles r = reduced(x, q);
  const __m256d negative = _mm256_cmp_pd(r.v, _mm256_setzero_pd(), _CMP_LT_OQ);
  return to_word({_mm256_add_pd(r.v, _mm256_and_pd(negative, q.p.v))});
}

inline void transpose(Doubles& a, Doubles& b, Doubles& c, Doubles& d) {
  Lanes w{_mm256_castpd_si256(a.v)}, x{_mm256_castpd_si256(b.v)}, y{_mm256_castpd_si256(c.v)}, z{_mm256_castpd_si256(d.v)};
  transpose(w, x, y, z);
  a = {_mm256_castsi256_pd(w.v)};
  b = {_mm256_castsi256_pd(x.v)};
  c = {_mm256_castsi256_pd(y.v)};
  d = {_mm256_castsi256_pd(z.v)};
}

// Two layers of forward butterflies. kCareful: p may reach 2^52.
template <bool kCareful>
inline void forward_radix4(Doubles& a, Doubles& b, Doubles& c, Doubles& d, const DoubleFactor& outer,
                           const DoubleFactor& inner_low, const DoubleFactor& inner_high, const DoublePrime& q) {
  a = reduced(a, q);
  if (kCareful) b = reduced(b, q);
  c = multiply(c, outer, q);
  d = multiply(d, outer, q);
  Doubles a1 = a + c, c1 = a - c;
  if (kCareful) {
    a1 = reduced(a1, q);
    c1 = reduced(c1, q);
  }
  const Doubles b1 = multiply(b + d, inner_low, q), d1 = multiply(b - d, inner_high, q);
  a = a1 + b1;
  b = a1 - b1;
  c = c1 + d1;
  d = c1 - d1;
}

// A lifted word. kWide: it may have up to 61 bits, and is reduced; else it is below 2^52.
template <bool kWide>
struct DoubleReader {
  LiftLanes lifted;
  DoubleFactor high_factor;  // 2^32
  DoublePrime q;

  DoubleReader(const Lift& lift, const Modulus& modulus) : lifted(lift), high_factor{}, q(modulus) {
    const u64 factor = (u64{1} << 32) % modulus.value;
    high_factor.value = Doubles::broadcast(static_cast<double>(factor));
    high_factor.quotient = Doubles::broadcast(static_cast<double>(factor) / static_cast<double>(modulus.value));
  }
  Doubles operator()(const u64* words) const {
    const Lanes x = lifted(Lanes::load(words));
    if (!kWide) return to_double(x);
    const Lanes low = x & Lanes::broadcast(0xFFFFFFFF);
    return reduced(multiply(to_double(x >> 32), high_factor, q) + to_double(low), q);
  }
};

template <bool kCareful, bool kWide>
void forward_first_pass_in_doubles(const NttTables& tables, const u64* in, const Lift& lift, u64* out) {
  const DoublePrime q(tables.modulus);
  const DoubleReader<kWide> read(lift, tables.modulus);
  const std::size_t half = tables.dimension / 2, quarter = half / 2;
  const auto& roots = tables.doubles.roots;
  const DoubleFactor w1 = DoubleFactor::broadcast(roots, 1), w2 = DoubleFactor::broadcast(roots, 2),
                     w3 = DoubleFactor::broadcast(roots, 3);
  if (tables.log_dimension % 2 != 0) {
    for (std::size_t j = 0; j < half; j += kLanes) {
      const Doubles a = reduced(read(in + j), q), b = multiply(read(in + half + j), w1, q);
      (a + b).store(out + j);
      (a - b).store(out + half + j);
    }
    return;
  }
  for (std::size_t j = 0; j < quarter; j += kLanes) {
    Doubles a = read(in + j), b = read(in + quarter + j), c = read(in + half + j), d = read(in + half + quarter + j);
    b = reduced(b, q);
    forward_radix4<kCareful>(a, b, c, d, w1, w2, w3, q);
    a.store(out + j);
    b.store(out + quarter + j);
    c.store(out + half + j);
    d.store(out + half + quarter + j);
  }
}

template <bool kCareful>
void forward_pass_in_doubles(const NttTables& tables, std::size_t groups, std::size_t quarter, u64* row) {
  const DoublePrime q(tables.modulus);
  const auto& roots = tables.doubles.roots;
  for (std::size_t group = 0; group < groups; ++group) {
    const DoubleFactor outer = DoubleFactor::broadcast(roots, groups + group);
    const DoubleFactor inner_low = DoubleFactor::broadcast(roots, 2 * (groups + group));
    const DoubleFactor inner_high = DoubleFactor::broadcast(roots, 2 * (groups + group) + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kLanes) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Doubles a = Doubles::load(pa), b = Doubles::load(pb), c = Doubles::load(pc), d = Doubles::load(pd);
      forward_radix4<kCareful>(a, b, c, d, outer, inner_low, inner_high, q);
      a.store(pa);
      b.store(pb);
      c.store(pc);
      d.store(pd);
    }
  }
}

template <bool kCareful, Form kForm>
void forward_last_pass_in_doubles(const NttTables& tables, u64* row) {
  const DoublePrime q(tables.modulus);
  const RootTables<double>& roots = tables.doubles;
  const std::size_t quarter = tables.dimension / 4;
  const auto finished = [&](Doubles x) {
    const Lanes word = canonical(x, q);
    return Doubles{_mm256_castsi256_pd((kForm == Form::split ? split(word) : word).v)};
  };
  for (std::size_t group = 0; group < quarter; group += kLanes) {
    u64* x = row + 4 * group;
    Doubles a = Doubles::load(x), b = Doubles::load(x + 4), c = Doubles::load(x + 8), d = Doubles::load(x + 12);
    transpose(a, b, c, d);
    forward_radix4<kCareful>(a, b, c, d, DoubleFactor::load(roots.roots, quarter + group),
                             DoubleFactor::load(roots.last_roots[0], group),
                             DoubleFactor::load(roots.last_roots[1], group), q);
    a = finished(a);
    b = finished(b);
    c = finished(c);
    d = finished(d);
    transpose(a, b, c, d);
    a.store(x);
    b.store(x + 4);
    c.store(x + 8);
    d.store(x + 12);
  }
}

template <bool kCareful>
void ntt_in_doubles(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (lift.bound >> 52 != 0)
    forward_first_pass_in_doubles<kCareful, true>(tables, in, lift, out);
  else
    forward_first_pass_in_doubles<kCareful, false>(tables, in, lift, out);
  const int first_layers = tables.log_dimension % 2 != 0 ? 1 : 2;
  std::size_t groups = std::size_t{1} << first_layers, quarter = tables.dimension >> (first_layers + 2);
  for (; quarter >= kLanes; groups *= 4, quarter /= 4) forward_pass_in_doubles<kCareful>(tables, groups, quarter, out);
  if (form == Form::split)
    forward_last_pass_in_doubles<kCareful, Form::split>(tables, out);
  else
    forward_last_pass_in_doubles<kCareful, Form::canonical>(tables, out);
}

// Two layers of inverse butterflies, of values up to p; leaves values up to p.
template <bool kCareful>
inline void inverse_radix4(Doubles& a, Doubles& b, Doubles& c, Doubles& d, const DoubleFactor& outer,
                           const DoubleFactor& inner_low, const DoubleFactor& inner_high, const DoublePrime& q) {
  Doubles s = a + b, t = multiply(a - b, inner_low, q);
  Doubles u = c + d, v = multiply(c - d, inner_high, q);
  if (kCareful) {
    s = reduced(s, q);
    t = reduced(t, q);
    u = reduced(u, q);
    v = reduced(v, q);
  }
  c = multiply(s - u, outer, q);
  d = multiply(t - v, outer, q);
  a = kCareful ? s + u : reduced(s + u, q);
  b = kCareful ? t + v : reduced(t + v, q);
}

template <bool kCareful>
void inverse_first_pass_in_doubles(const NttTables& tables, const u64* in, u64* out) {
  const DoublePrime q(tables.modulus);
  const RootTables<double>& roots = tables.doubles;
  const std::size_t quarter = tables.dimension / 4;
  for (std::size_t group = 0; group < quarter; group += kLanes) {
    const u64* x = in + 4 * group;
    u64* y = out + 4 * group;
    Doubles a = to_double(Lanes::load(x)), b = to_double(Lanes::load(x + 4));
    Doubles c = to_double(Lanes::load(x + 8)), d = to_double(Lanes::load(x + 12));
    transpose(a, b, c, d);
    inverse_radix4<kCareful>(a, b, c, d, DoubleFactor::load(roots.inverse_roots, quarter + group),
                             DoubleFactor::load(roots.inverse_last_roots[0], group),
                             DoubleFactor::load(roots.inverse_last_roots[1], group), q);
    transpose(a, b, c, d);
    a.store(y);
    b.store(y + 4);
    c.store(y + 8);
    d.store(y + 12);
  }
}

template <bool kCareful, bool kLast>
void inverse_pass_in_doubles(const NttTables& tables, std::size_t groups, std::size_t quarter, u64* row) {
  const DoublePrime q(tables.modulus);
  const auto& roots = tables.doubles.inverse_roots;
  const DoubleFactor scale = DoubleFactor::broadcast(tables.doubles.inverse_dimension);
  for (std::size_t group = 0; group < groups; ++group) {
    const DoubleFactor outer = kLast ? DoubleFactor::broadcast(tables.doubles.inverse_dimension_root)
                                     : DoubleFactor::broadcast(roots, groups + group);
    const DoubleFactor inner_low = DoubleFactor::broadcast(roots, 2 * (groups + group));
    const DoubleFactor inner_high = DoubleFactor::broadcast(roots, 2 * (groups + group) + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kLanes) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Doubles a = Doubles::load(pa), b = Doubles::load(pb), c = Doubles::load(pc), d = Doubles::load(pd);
      inverse_radix4<kCareful>(a, b, c, d, outer, inner_low, inner_high, q);
      if (kLast) {
        canonical(multiply(a, scale, q), q).store(pa);
        canonical(multiply(b, scale, q), q).store(pb);
        canonical(c, q).store(pc);
        canonical(d, q).store(pd);
      } else {
        a.store(pa);
        b.store(pb);
        c.store(pc);
        d.store(pd);
      }
    }
  }
}

inline void inverse_last_layer_in_doubles(const NttTables& tables, u64* row) {
  const DoublePrime q(tables.modulus);
  const std::size_t half = tables.dimension / 2;
  const DoubleFactor scale = DoubleFactor::broadcast(tables.doubles.inverse_dimension);
  const DoubleFactor root = DoubleFactor::broadcast(tables.doubles.inverse_dimension_root);
  for (std::size_t j = 0; j < half; j += kLanes) {
    const Doubles a = Doubles::load(row + j), b = Doubles::load(row + half + j);
    canonical(multiply(a + b, scale, q), q).store(row + j);
    canonical(multiply(a - b, root, q), q).store(row + half + j);
  }
}

template <bool kCareful>
void inverse_ntt_in_doubles(const NttTables& tables, const u64* in, u64* out) {
  inverse_first_pass_in_doubles<kCareful>(tables, in, out);
  std::size_t quarter = kLanes, groups = tables.dimension / 16;
  for (; groups >= 2; groups /= 4, quarter *= 4) inverse_pass_in_doubles<kCareful, false>(tables, groups, quarter, out);
  if (groups == 1)
    inverse_pass_in_doubles<kCareful, true>(tables, 1, quarter, out);
  else
    inverse_last_layer_in_doubles(tables, out);
}

void ntt(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (!tables.in_doubles) return ntt_in_words(tables, in, lift, out, form);
  if (tables.modulus.bits <= kMostLazyDoubleBits) return ntt_in_doubles<false>(tables, in, lift, out, form);
  ntt_in_doubles<true>(tables, in, lift, out, form);
}

void inverse_ntt(const NttTables& tables, const u64* in, u64* out) {
  if (!tables.in_doubles) return inverse_ntt_in_words(tables, in, out);
  if (tables.modulus.bits <= kMostLazyDoubleBits) return inverse_ntt_in_doubles<false>(tables, in, out);
  inverse_ntt_in_doubles<true>(tables, in, out);
}

}  // namespace blindsight::avx2
