// The path for x86-64 processors with AVX2 and FMA: only this file is compiled for them.
#define BLINDSIGHT_PATH avx2
#include "lanes_avx2.h"
#include "path_table.h"

const blindsight::Kernels* blindsight::avx2_kernels() {
  static constexpr Kernels table = avx2::make_table("avx2");
  return &table;
}
