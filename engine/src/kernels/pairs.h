// Four words of both polynomials of a ciphertext, in two registers of four words each, for paths whose registers are so.
#pragma once
#include "kernels.h"

namespace blindsight::BLINDSIGHT_PATH {

struct Pair {
  Lanes first, second;

  // Four words of the first polynomial and then of the second, as blocks and keys have them.
  static Pair load(const u64* words) { return {Lanes::load(words), Lanes::load(words + kLanes)}; }
  static Pair load(const u64* first, const u64* second) { return {Lanes::load(first), Lanes::load(second)}; }
  // The second polynomial is zero.
  static Pair load_first(const u64* first) { return {Lanes::load(first), Lanes::zero()}; }
  static Pair zero() { return {Lanes::zero(), Lanes::zero()}; }
  void store(u64* words) const { store(words, words + kLanes); }
  void store(u64* to_first, u64* to_second) const {
    first.store(to_first);
    second.store(to_second);
  }
};

BLINDSIGHT_INLINE Pair operator+(const Pair& a, const Pair& b) { return {a.first + b.first, a.second + b.second}; }
BLINDSIGHT_INLINE Pair reduce_once(const Pair& x, Lanes m) { return {reduce_once(x.first, m), reduce_once(x.second, m)}; }
BLINDSIGHT_INLINE Pair split(const Pair& x) { return {split(x.first), split(x.second)}; }
BLINDSIGHT_INLINE Pair permute(const Pair& x, u8 pattern) { return {permute(x.first, pattern), permute(x.second, pattern)}; }

// Factors of products, ready to be multiplied.
struct PairHalves {
  Halves first, second;

  static PairHalves of_split(const Pair& x) { return {Halves::of_split(x.first), Halves::of_split(x.second)}; }
  static PairHalves of_canonical(const Pair& x) { return {Halves::of_canonical(x.first), Halves::of_canonical(x.second)}; }
};

// Four words that multiply both polynomials.
struct SharedHalves : Halves {
  static SharedHalves broadcast(u64 canonical) { return {Halves::of_canonical(Lanes::broadcast(canonical))}; }
  static SharedHalves load(const u64* words) { return {Halves::of_split(Lanes::load(words))}; }
  // Two words that stand for four: w0 w0 w1 w1.
  static SharedHalves load_doubled(const u64* words) { return {Halves::of_split(Lanes::load_doubled(words))}; }
};

// Sums of products of both polynomials.
struct PairAccumulator {
  static constexpr std::size_t kTermsBeforeCarry = Accumulator::kTermsBeforeCarry;
  Accumulator first, second;

  BLINDSIGHT_INLINE void add_product(const SharedHalves& x, const PairHalves& y) {
    first.add_product(x, y.first);
    second.add_product(x, y.second);
  }
  BLINDSIGHT_INLINE void carry() {
    first.carry();
    second.carry();
  }
  BLINDSIGHT_INLINE Pair reduced(const Prime& q) const { return {first.reduced(q), second.reduced(q)}; }
};

}  // namespace blindsight::BLINDSIGHT_PATH
