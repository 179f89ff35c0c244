// Residues as bytes: each takes a number of bits and no more, little-endian, without gaps. The machine's own order of
// bytes is taken for the wire's: x86-64 and aarch64 are both little-endian.
#pragma once
#include <cstring>

#include "arithmetic.h"

namespace blindsight {

inline std::size_t packed_bytes(std::size_t count, int bits) { return (count * static_cast<std::size_t>(bits) + 7) / 8; }

// `bits` is 1 to 64, and `out` has packed_bytes(count, bits). Returns whether all residues have so few bits.
inline bool pack_bits(const u64* residues, std::size_t count, int bits, u8* out) {
  u128 pending = 0;  // bits that aren't written yet, below 64 before each residue
  u64 all = 0;
  int size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    u64 residue;
    std::memcpy(&residue, residues + i, sizeof residue);  // any address
    all |= residue;
    pending |= u128{residue} << size;
    size += bits;
    if (size < 64) continue;
    const u64 word = static_cast<u64>(pending);
    std::memcpy(out, &word, sizeof word);
    out += sizeof word;
    pending >>= 64;
    size -= 64;
  }
  for (; size > 0; size -= 8, pending >>= 8) *out++ = static_cast<u8>(pending);
  return bits == 64 || all >> bits == 0;
}

// `data` has packed_bytes(count, bits).
inline void unpack_bits(const u8* data, std::size_t count, int bits, u64* out) {
  const u64 mask = bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  const std::size_t size = packed_bytes(count, bits);
  std::size_t position = 0;  // in bits
  for (std::size_t i = 0; i < count; ++i, position += static_cast<std::size_t>(bits)) {
    const std::size_t byte = position / 8, shift = position % 8;
    u64 words[2] = {0, 0};  // of the nine bytes or fewer that the residue lies in, the rest is masked away
    if (byte + 9 <= size) {
      std::memcpy(&words[0], data + byte, 8);
      words[1] = data[byte + 8];
    } else {
      std::memcpy(words, data + byte, size - byte);
    }
    out[i] = (words[0] >> shift | words[1] << 1 << (63 - shift)) & mask;
  }
}

}  // namespace blindsight
