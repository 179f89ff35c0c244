// Four words in plain C++, with the compiler's 128-bit products. A compiler may or may not use vector registers.
#pragma once
#include <cstring>

#include "kernels.h"

namespace blindsight::portable {

// Words of a register.
constexpr std::size_t kWidth = 4;

struct Lanes {
  u64 v[kWidth];

  // Any address: NumPy's arrays of residues that lie in a message need not be aligned.
  static Lanes load(const u64* words) {
    Lanes lanes;
    std::memcpy(lanes.v, words, sizeof lanes.v);
    return lanes;
  }
  static Lanes broadcast(u64 x) { return {{x, x, x, x}}; }
  static Lanes zero() { return broadcast(0); }
  static Lanes load_doubled(const u64* words) { return {{words[0], words[0], words[1], words[1]}}; }
  void store(u64* words) const {
    for (std::size_t i = 0; i < kWidth; ++i) words[i] = v[i];
  }
};

template <class Function>
BLINDSIGHT_INLINE Lanes each(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

BLINDSIGHT_INLINE Lanes operator+(Lanes a, Lanes b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
BLINDSIGHT_INLINE Lanes operator-(Lanes a, Lanes b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline Lanes operator^(Lanes a, Lanes b) {
  return each([&](int i) { return a.v[i] ^ b.v[i]; });
}
template <int kBits>
inline Lanes rotated_right(Lanes a) {
  return each([&](int i) { return a.v[i] >> kBits | a.v[i] << (64 - kBits); });
}

// x in [0, 2m) to [0, m).
BLINDSIGHT_INLINE Lanes reduce_once(Lanes x, Lanes m) {
  return each([&](int i) { return x.v[i] >= m.v[i] ? x.v[i] - m.v[i] : x.v[i]; });
}

// x + addend where x > threshold as signed numbers, else x.
BLINDSIGHT_INLINE Lanes add_where_greater(Lanes x, Lanes threshold, Lanes addend) {
  return each([&](int i) {
    return static_cast<std::int64_t>(x.v[i]) > static_cast<std::int64_t>(threshold.v[i]) ? x.v[i] + addend.v[i] : x.v[i];
  });
}
// Whether any word of x is above that of y, as signed numbers.
BLINDSIGHT_INLINE bool any_greater(Lanes x, Lanes y) {
  bool any = false;
  for (std::size_t i = 0; i < kWidth; ++i) any |= static_cast<std::int64_t>(x.v[i]) > static_cast<std::int64_t>(y.v[i]);
  return any;
}

struct Prime {
  Lanes p, p2, p4, p8;
  u64 value, inverse;

  explicit Prime(const Modulus& m)
      : p(Lanes::broadcast(m.value)),
        p2(Lanes::broadcast(2 * m.value)),
        p4(Lanes::broadcast(4 * m.value)),
        p8(Lanes::broadcast(8 * m.value)),
        value(m.value),
        inverse(m.negative_inverse) {}
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

// x w mod p in [0, 2p), for any word x (Harvey 2014).
BLINDSIGHT_INLINE Lanes multiply(Lanes x, const Factor& w, const Prime& prime) {
  return each([&](int i) {
    const u64 quotient = static_cast<u64>((u128{x.v[i]} * w.quotient.v[i]) >> 64);
    return x.v[i] * w.value.v[i] - quotient * prime.value;
  });
}

// This path multiplies canonical residues as they are.
BLINDSIGHT_INLINE Lanes split(Lanes x) { return x; }

struct Halves {
  Lanes whole;

  static Halves of_split(Lanes x) { return {x}; }
  static Halves of_canonical(Lanes x) { return {x}; }
};

// A sum of products of factors below 2^60; 128 bits hold 256 of them.
struct Accumulator {
  static constexpr int kTermsBeforeCarry = 14;
  u128 sum[kWidth] = {};

  BLINDSIGHT_INLINE void add_product(const Halves& x, const Halves& y) {
    for (std::size_t i = 0; i < kWidth; ++i) sum[i] += u128{x.whole.v[i]} * y.whole.v[i];
  }

  void carry() {}

  // The sum / 2^60 modulo p, below sum / 2^60 + p: Montgomery's reduction.
  BLINDSIGHT_INLINE Lanes reduced(const Prime& prime) const {
    return each([&](int i) {
      const u64 m = (static_cast<u64>(sum[i]) * prime.inverse) & ((u64{1} << 60) - 1);
      return static_cast<u64>((sum[i] + u128{m} * prime.value) >> 60);
    });
  }
};

// Blocks of 16 words, as many as a register has fours: their first four words in a, the next in b, in c and in d.
BLINDSIGHT_INLINE void load_blocks(const u64* words, Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  a = Lanes::load(words);
  b = Lanes::load(words + 4);
  c = Lanes::load(words + 8);
  d = Lanes::load(words + 12);
}
BLINDSIGHT_INLINE void store_blocks(u64* words, Lanes a, Lanes b, Lanes c, Lanes d) {
  a.store(words);
  b.store(words + 4);
  c.store(words + 8);
  d.store(words + 12);
}

// Each block's four by four words, transposed.
BLINDSIGHT_INLINE void transpose(Lanes& a, Lanes& b, Lanes& c, Lanes& d) {
  const Lanes w = a, x = b, y = c, z = d;
  a = {{w.v[0], x.v[0], y.v[0], z.v[0]}};
  b = {{w.v[1], x.v[1], y.v[1], z.v[1]}};
  c = {{w.v[2], x.v[2], y.v[2], z.v[2]}};
  d = {{w.v[3], x.v[3], y.v[3], z.v[3]}};
}

BLINDSIGHT_INLINE Lanes permute(Lanes x, u8 pattern) {
  return each([&](int i) { return x.v[(pattern >> (2 * i)) & 3]; });
}

}  // namespace blindsight::portable
