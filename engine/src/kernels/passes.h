// The order in which a transform passes over a row: once a part of it fits the first-level cache, all further passes are
// made on that part before the next one.
#pragma once
#include "kernels.h"

namespace blindsight::BLINDSIGHT_PATH {

// Words of a part of a row that the first-level cache holds, next to the roots of its layers.
constexpr std::size_t kCachedWords = 2048;
// Words of a block of the last four layers, of which registers hold kWidth / 4 at a time.
constexpr std::size_t kBlock = 16;

// Some of a layer's groups of butterflies: a transform's first layer has one, the next one two.
struct Groups {
  std::size_t of_layer, first, count;
};

// The order of all passes but the first one: `pass(groups, quarter)` and `blocks(first, count)`.
template <class Pass, class Blocks>
inline void forward_passes(const NttTables& tables, const Pass& pass, const Blocks& blocks) {
  const std::size_t n = tables.dimension;
  std::size_t parts = tables.log_dimension % 2 != 0 ? 2 : 4;
  for (; n / parts > kCachedWords; parts *= 4) pass(Groups{parts, 0, parts}, n / parts / 4);
  const std::size_t rounds = n > kCachedWords ? parts : 1;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::size_t groups = parts;
    for (; n / groups > kBlock; groups *= 4)
      pass(Groups{groups, groups / rounds * round, groups / rounds}, n / groups / 4);
    blocks(groups / rounds * round, groups / rounds);
  }
}

// The order of all passes but the last one: `blocks(first, count)` and `pass(groups, quarter)`.
template <class Pass, class Blocks>
inline void inverse_passes(const NttTables& tables, const Pass& pass, const Blocks& blocks) {
  const std::size_t n = tables.dimension, last = tables.log_dimension % 2 != 0 ? 2 : 4;
  std::size_t parts = last;
  while (n / parts > kCachedWords) parts *= 4;
  const std::size_t rounds = n > kCachedWords ? parts : 1;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::size_t groups = n / kBlock;
    blocks(groups / rounds * round, groups / rounds);
    for (groups /= 4; groups >= parts; groups /= 4)
      pass(Groups{groups, groups / rounds * round, groups / rounds}, n / groups / 4);
  }
  for (std::size_t groups = parts / 4; groups >= last; groups /= 4) pass(Groups{groups, 0, groups}, n / groups / 4);
}

}  // namespace blindsight::BLINDSIGHT_PATH
