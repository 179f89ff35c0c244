// Modular arithmetic on single words, and the constants of a prime that every kernel needs.
//
// Functions here run when tables are made. They must not be called by the kernels of a path: a translation unit
// compiled for AVX2 could otherwise give the linker an AVX2 copy of them for all machines.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace blindsight {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using u128 = unsigned __int128;

// Primes are below 2^60, which is also SEAL's bound: 16 p fits a word, and a residue is two halves of 30 bits.
constexpr int kMostPrimeBits = 60;
constexpr int kLeastPrimeBits = 23;
constexpr int kHalfBits = 30;
constexpr u64 kHalfMask = (u64{1} << kHalfBits) - 1;
// Words that layouts keep together: of keys, of weights, and in what a Galois element moves.
constexpr std::size_t kLanes = 4;

// A constant factor w of a prime p, with Shoup's quotient floor(w 2^64 / p): Harvey, "Faster arithmetic for
// number-theoretic transforms" (2014), section 2.
struct Multiplier {
  u64 value = 0;
  u64 quotient = 0;
};

struct Modulus {
  u64 value = 0;
  int bits = 0;
  // 2^60 mod p: Montgomery's factor of keys and weights.
  u64 montgomery = 0;
  // -1/p mod 2^60; its low 30 bits are -1/p mod 2^30.
  u64 negative_inverse = 0;
  // The factor 1: a product with it reduces any word.
  Multiplier one;
};

// How a residue x of one prime is read as a number modulo another: x + addend where x > threshold, else x. This is
// x's representative nearest to zero, plus a multiple of the other prime.
struct Lift {
  u64 threshold;
  u64 addend;
  u64 bound;  // that the number is below

  // Numbers as they are.
  static constexpr Lift none(u64 bound) { return {~u64{0} >> 1, 0, bound}; }
};

inline u64 multiply_mod(u64 a, u64 b, u64 p) { return static_cast<u64>(u128{a} * b % p); }

inline u64 power_mod(u64 base, u64 exponent, u64 p) {
  u64 result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply_mod(result, base, p);
    base = multiply_mod(base, base, p);
  }
  return result;
}

// 1/a mod p, by Fermat's little theorem.
inline u64 inverse_mod(u64 a, u64 p) { return power_mod(a % p, p - 2, p); }

inline Multiplier make_multiplier(u64 w, u64 p) { return {w, static_cast<u64>((u128{w} << 64) / p)}; }

// x w mod p, for any x.
inline u64 multiply_mod(u64 x, const Multiplier& w, u64 p) {
  const u64 quotient = static_cast<u64>((u128{x} * w.quotient) >> 64);
  const u64 remainder = x * w.value - quotient * p;  // below 2 p
  return remainder >= p ? remainder - p : remainder;
}

// The lowest `bits` bits of x in reverse order.
inline u32 reverse_bits(u32 x, int bits) {
  u32 reversed = 0;
  for (int bit = 0; bit < bits; ++bit) reversed |= ((x >> bit) & 1U) << (bits - 1 - bit);
  return reversed;
}

inline int bit_length(u64 x) {
  int bits = 0;
  for (; x != 0; x >>= 1) ++bits;
  return bits;
}

inline Modulus make_modulus(u64 p) {
  u64 inverse = 1;  // Newton's iteration doubles the bits of 1/p mod 2^64 that are right
  for (int step = 0; step < 6; ++step) inverse *= 2 - p * inverse;
  Modulus modulus;
  modulus.value = p;
  modulus.bits = bit_length(p);
  modulus.montgomery = (u64{1} << 60) % p;
  modulus.negative_inverse = (0 - inverse) & ((u64{1} << 60) - 1);
  modulus.one = make_multiplier(1, p);
  return modulus;
}

// Whether p is prime: the Miller-Rabin test with bases that decide every 64-bit number (Sinclair, 2011).
inline bool is_prime(u64 p) {
  if (p < 2 || p % 2 == 0) return p == 2;
  int twos = 0;
  u64 odd = p - 1;
  for (; odd % 2 == 0; odd /= 2) ++twos;
  for (u64 base : {2ULL, 325ULL, 9375ULL, 28178ULL, 450775ULL, 9780504ULL, 1795265022ULL}) {
    if (base % p == 0) continue;
    u64 x = power_mod(base % p, odd, p);
    bool passed = x == 1 || x == p - 1;
    for (int square = 1; square < twos && !passed; ++square) {
      x = multiply_mod(x, x, p);
      passed = x == p - 1;
    }
    if (!passed) return false;
  }
  return true;
}

inline Lift make_lift(u64 from, u64 to) {
  const u64 above = (from + to - 1) / to * to;  // from < 2^60 and to < 2^60: below 2^61
  return {from / 2, above - from, above};
}

}  // namespace blindsight
