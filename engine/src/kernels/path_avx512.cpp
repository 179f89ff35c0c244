// The path for x86-64 processors with AVX-512F and AVX-512DQ: only this file is compiled for them.
#define BLINDSIGHT_PATH avx512
#include "lanes_avx512.h"
#include "ntt_double.h"
#include "pairs_avx512.h"
#include "path_table.h"

const blindsight::Kernels* blindsight::avx512_kernels() {
  static constexpr Kernels table = [] {
    Kernels kernels = avx512::make_table("avx512", avx512::ntt, avx512::inverse_ntt);
    kernels.most_double_bits = avx512::kMostDoubleBits;
    return kernels;
  }();
  return &table;
}
