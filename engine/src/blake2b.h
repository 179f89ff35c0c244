// BLAKE2b's compression (Aumasson, Neves, Wilcox-O'Hearn and Winnerlein, "BLAKE2: simpler, smaller, fast as MD5", 2013;
// RFC 7693), and the parameters with which it makes the blocks of BLAKE2Xb, its extendable-output function.
#pragma once
#include "arithmetic.h"

namespace blindsight::blake2b {

constexpr u64 kStart[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                           0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// Which word of the message goes where in each round; rounds 10 and 11 are as 0 and 1.
constexpr u8 kOrder[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

template <int kBits>
inline u64 rotated_right(u64 x) {
  return x >> kBits | x << (64 - kBits);
}

// Bytes that were hashed so far, and whether the block is the last one.
struct Position {
  u64 bytes;
  bool last;
};

// A Word is a number, or the same word of several hashes side by side: it has +, ^ and rotated_right.
template <class Word>
inline void mix(Word& a, Word& b, Word& c, Word& d, const Word& x, const Word& y) {
  a = a + b + x;
  d = rotated_right<32>(d ^ a);
  c = c + d;
  b = rotated_right<24>(b ^ c);
  a = a + b + y;
  d = rotated_right<16>(d ^ a);
  c = c + d;
  b = rotated_right<63>(b ^ c);
}

// Takes a block of 16 words into the state. `broadcast` makes a Word of a number.
template <class Word, class Broadcast>
inline void compress(Word (&state)[8], const Word (&block)[16], Position position, Broadcast broadcast) {
  Word v[16];
  for (int i = 0; i < 8; ++i) {
    v[i] = state[i];
    v[8 + i] = broadcast(kStart[i]);
  }
  v[12] = v[12] ^ broadcast(position.bytes);
  if (position.last) v[14] = v[14] ^ broadcast(~u64{0});
#pragma GCC unroll 12
  for (int round = 0; round < 12; ++round) {
    const u8* order = kOrder[round % 10];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      mix(v[i], v[4 + i], v[8 + i], v[12 + i], block[order[2 * i]], block[order[2 * i + 1]]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      mix(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4], block[order[8 + 2 * i]],
          block[order[9 + 2 * i]]);
  }
  for (int i = 0; i < 8; ++i) state[i] = state[i] ^ v[i] ^ v[8 + i];
}

// The first three words of the parameters, which the start is XORed with; the others are 0.
struct Parameters {
  u64 words[3];
};

// Those of the root, which is keyed with 64 bytes: a digest of 64 bytes, fan-out 1, depth 1.
constexpr Parameters root_parameters(u32 output_bytes) {
  return {{64 | u64{64} << 8 | u64{1} << 16 | u64{1} << 24, u64{output_bytes} << 32, 0}};
}

// Those of block `number` of the output: no key, fan-out 0, depth 0, leaves and inner digests of 64 bytes.
constexpr Parameters leaf_parameters(u32 number, u32 output_bytes) {
  return {{64 | u64{64} << 32, u64{number} | u64{output_bytes} << 32, u64{64} << 8}};
}

}  // namespace blindsight::blake2b
