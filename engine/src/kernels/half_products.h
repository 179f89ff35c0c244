// Sums of products of residues in two halves, for paths that multiply 32 by 32 bits.
#pragma once
#include "kernels.h"

namespace blindsight::BLINDSIGHT_PATH {

// A factor of a sum of products, as its two halves.
struct Halves {
  Lanes low, high;

  static Halves of_split(Lanes x) { return {x, x >> 32}; }
  static Halves of_canonical(Lanes x) { return {x & Lanes::broadcast(kHalfMask), x >> kHalfBits}; }
};

// A sum of products x y, each factor below 2^60: high 2^60 + middle 2^30 + low. A product adds less than 2^61 to
// `middle`, so seven fit before `carry`, and `high` takes 14 before `reduced`.
struct Accumulator {
  static constexpr std::size_t kTermsBeforeCarry = 7;
  Lanes low = Lanes::zero(), middle = Lanes::zero(), high = Lanes::zero();

  void add_product(const Halves& x, const Halves& y) {
    low = low + product32(x.low, y.low);
    middle = middle + (product32(x.low, y.high) + product32(x.high, y.low));
    high = high + product32(x.high, y.high);
  }

  void carry() {
    const Lanes mask = Lanes::broadcast(kHalfMask);
    middle = middle + (low >> kHalfBits);
    low = low & mask;
    high = high + (middle >> kHalfBits);
    middle = middle & mask;
  }

  // The sum / 2^60 modulo p, below sum / 2^60 + p: Montgomery's reduction, a half at a time.
  Lanes reduced(const Prime& prime) const {
    const Lanes mask = Lanes::broadcast(kHalfMask);
    const Lanes m = product32(low, prime.inverse) & mask;
    const Lanes first = low + product32(m, prime.low);
    const Lanes second = middle + product32(m, prime.high) + (first >> kHalfBits);
    const Lanes m2 = product32(second, prime.inverse) & mask;
    const Lanes third = second + product32(m2, prime.low);
    return high + product32(m2, prime.high) + (third >> kHalfBits);
  }
};

}  // namespace blindsight::BLINDSIGHT_PATH
