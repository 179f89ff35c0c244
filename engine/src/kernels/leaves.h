// The blocks of BLAKE2Xb's output, as many at a time as a register has words: each hashes the same root with its number.
#pragma once
#include "../blake2b.h"
#include "kernels.h"

namespace blindsight::BLINDSIGHT_PATH {

void blake2xb_leaves(const u64* root, u32 output_bytes, u64* out) {
  constexpr u32 kLeafWords = 8;
  Lanes block[16];
  for (u32 i = 0; i < 16; ++i) block[i] = i < 8 ? Lanes::broadcast(root[i]) : Lanes::zero();
  for (u32 first = 0; first < output_bytes / 64; first += kWidth) {
    Lanes state[8];
    for (u32 i = 0; i < 8; ++i) {
      u64 words[kWidth];
      for (u32 lane = 0; lane < kWidth; ++lane) {
        const blake2b::Parameters parameters = blake2b::leaf_parameters(first + lane, output_bytes);
        words[lane] = blake2b::kStart[i] ^ (i < 3 ? parameters.words[i] : 0);
      }
      state[i] = Lanes::load(words);
    }
    blake2b::compress(state, block, {64, true}, Lanes::broadcast);
    for (u32 i = 0; i < 8; ++i) {
      u64 words[kWidth];
      state[i].store(words);
      for (u32 lane = 0; lane < kWidth; ++lane) out[(first + lane) * kLeafWords + i] = words[lane];
    }
  }
}

}  // namespace blindsight::BLINDSIGHT_PATH
