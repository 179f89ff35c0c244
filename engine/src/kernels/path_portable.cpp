// The path for any processor.
#define BLINDSIGHT_PATH portable
#include "lanes_portable.h"
#include "pairs.h"
#include "path_table.h"

const blindsight::Kernels* blindsight::portable_kernels() {
  static constexpr Kernels table = portable::make_table("portable", portable::ntt_in_words, portable::inverse_ntt_in_words);
  return &table;
}
