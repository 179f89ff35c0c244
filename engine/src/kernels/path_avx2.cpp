// The path for x86-64 processors with AVX2 and FMA: only this file is compiled for them.
#define BLINDSIGHT_PATH avx2
#include "lanes_avx2.h"
#include "half_products.h"
#include "ntt_double.h"
#include "pairs.h"
#include "path_table.h"

const blindsight::Kernels* blindsight::avx2_kernels() {
  static constexpr Kernels table = [] {
    Kernels kernels = avx2::make_table("avx2", avx2::ntt, avx2::inverse_ntt);
    kernels.most_double_bits = avx2::kMostDoubleBits;
    return kernels;
  }();
  return &table;
}
