// Residues as bytes: each takes a number of bits and no more, little-endian, without gaps.
#pragma once
#include "arithmetic.h"

namespace blindsight {

inline std::size_t packed_bytes(std::size_t count, int bits) { return (count * static_cast<std::size_t>(bits) + 7) / 8; }

// `bits` is 1 to 64, and `out` has packed_bytes(count, bits).
inline void pack_bits(const u64* residues, std::size_t count, int bits, u8* out) {
  u128 pending = 0;  // bits that aren't written yet, below 8 before each residue
  int size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pending |= u128{residues[i]} << size;
    for (size += bits; size >= 8; size -= 8, pending >>= 8) *out++ = static_cast<u8>(pending);
  }
  if (size > 0) *out = static_cast<u8>(pending);
}

// `data` has packed_bytes(count, bits).
inline void unpack_bits(const u8* data, std::size_t count, int bits, u64* out) {
  const u64 mask = bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  u128 pending = 0;
  int size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (; size < bits; size += 8) pending |= u128{*data++} << size;
    out[i] = static_cast<u64>(pending) & mask;
    pending >>= bits;
    size -= bits;
  }
}

}  // namespace blindsight
