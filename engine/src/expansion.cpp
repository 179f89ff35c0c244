#include "expansion.h"

#include <cstring>

#include "blake2b.h"

namespace blindsight {
namespace {

// Bytes that SEAL draws at once.
constexpr u32 kDrawnBytes = 4096;
constexpr std::size_t kDrawn = kDrawnBytes / sizeof(u64);

u64 word(u64 x) { return x; }

// SEAL's generator: BLAKE2Xb of a count, keyed with the seed.
class Generator {
 public:
  Generator(const Kernels& kernels, const u8* seed) : kernels_(kernels) {
    u64 key[16] = {};
    std::memcpy(key, seed, kSeedBytes);
    const blake2b::Parameters parameters = blake2b::root_parameters(kDrawnBytes);
    for (int i = 0; i < 8; ++i) keyed_[i] = blake2b::kStart[i] ^ (i < 3 ? parameters.words[i] : 0);
    blake2b::compress(keyed_, key, {128, false}, word);
  }

  // The next `kDrawn` words.
  void draw(u64* out) {
    u64 root[8], block[16] = {count_++};
    std::memcpy(root, keyed_, sizeof root);
    blake2b::compress(root, block, {128 + sizeof(u64), true}, word);
    kernels_.blake2xb_leaves(root, kDrawnBytes, out);
  }

  // The next word; `draw` isn't called any more.
  u64 next() {
    if (used_ == kDrawn) {
      draw(rest_);
      used_ = 0;
    }
    return rest_[used_++];
  }

 private:
  const Kernels& kernels_;
  u64 keyed_[8];
  u64 count_ = 0;
  u64 rest_[kDrawn];
  std::size_t used_ = kDrawn;
};

}  // namespace

void expand(const Kernels& kernels, const u8* seed, std::size_t dimension, const std::vector<u64>& primes, u64* out) {
  Generator generator(kernels, seed);
  for (std::size_t i = 0; i < primes.size() * dimension; i += kDrawn) generator.draw(out + i);
  for (u64 prime : primes) {
    const u64 most = ~u64{0}, beyond = most - most % prime - 1, quotient = most / prime;
    for (u64* end = out + dimension; out != end; ++out) {
      u64 drawn = *out;
      while (drawn >= beyond) drawn = generator.next();
      // most / prime is 2^64 / prime rounded down, so the quotient is right or one too small (Barrett).
      const u64 rest = drawn - static_cast<u64>(u128{drawn} * quotient >> 64) * prime;
      *out = rest >= prime ? rest - prime : rest;
    }
  }
}

}  // namespace blindsight
