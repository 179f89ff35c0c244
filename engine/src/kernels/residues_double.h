// Residues in doubles, for primes below 2^52, of a path that has them.
//
// Values are integers that a double holds exactly, below 2^53 in magnitude, kept near zero. A product x w is the exact
// sum of two doubles, h = x w rounded and l = x w - h (a fused multiply-add); with a = round(x w / p), h - a p is exact
// too (Dekker 1971; van der Hoeven, Lecerf and Quintin, "Modular SIMD arithmetic in Mathemagix", 2016, section 3).
#pragma once
#include "ntt.h"

namespace blindsight::BLINDSIGHT_PATH {

constexpr int kMostLazyDoubleBits = 50;
constexpr int kMostDoubleBits = 52;

// Rows hold doubles between passes, in the memory of their words.
inline Doubles load(const u64* words) { return Doubles::of_bits(Lanes::load(words)); }
inline void store(Doubles x, u64* words) { x.bits().store(words); }

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
  template <int kStep>
  static DoubleFactor spread(const double* const (&table)[2], std::size_t i) {
    return {Doubles::spread<kStep>(table[0] + i), Doubles::spread<kStep>(table[1] + i)};
  }
};

struct DoublePrime {
  Doubles p, reciprocal;

  explicit DoublePrime(const Modulus& m)
      : p(Doubles::broadcast(static_cast<double>(m.value))),
        reciprocal(Doubles::broadcast(1.0 / static_cast<double>(m.value))) {}
};

inline Doubles multiply(Doubles x, const DoubleFactor& w, const DoublePrime& q) {
  const Doubles high = x * w.value, low = product_minus(x, w.value, high);
  const Doubles multiple = rounded(x * w.quotient);
  return minus_product(high, multiple, q.p) + low;
}

// To at most p/2 in magnitude.
inline Doubles reduced(Doubles x, const DoublePrime& q) { return minus_product(x, rounded(x * q.reciprocal), q.p); }

// A word below 2^52 as a double, and back: the bits of 2^52 + x are those of 2^52, with x in the mantissa.
constexpr double kMantissa = 4503599627370496.0;
inline Doubles to_double(Lanes x) {
  const Doubles magic = Doubles::broadcast(kMantissa);
  return Doubles::of_bits(x + magic.bits()) - magic;
}
inline Lanes to_word(Doubles x) {
  const Doubles magic = Doubles::broadcast(kMantissa);
  return (x + magic).bits() - magic.bits();
}

// Any value to a canonical word.
inline Lanes canonical(Doubles x, const DoublePrime& q) {
  return to_word(add_where_negative(reduced(x, q), q.p));
}

inline void transpose(Doubles& a, Doubles& b, Doubles& c, Doubles& d) {
  Lanes w = a.bits(), x = b.bits(), y = c.bits(), z = d.bits();
  transpose(w, x, y, z);
  a = Doubles::of_bits(w);
  b = Doubles::of_bits(x);
  c = Doubles::of_bits(y);
  d = Doubles::of_bits(z);
}

inline void load_blocks(const u64* words, Doubles& a, Doubles& b, Doubles& c, Doubles& d) {
  Lanes w, x, y, z;
  load_blocks(words, w, x, y, z);
  a = Doubles::of_bits(w);
  b = Doubles::of_bits(x);
  c = Doubles::of_bits(y);
  d = Doubles::of_bits(z);
}

inline void store_blocks(u64* words, Doubles a, Doubles b, Doubles c, Doubles d) {
  store_blocks(words, a.bits(), b.bits(), c.bits(), d.bits());
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

}  // namespace blindsight::BLINDSIGHT_PATH
