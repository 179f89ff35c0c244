// A path's table of kernels.
#pragma once
#include "leaves.h"
#include "products.h"
#include "rows.h"

namespace blindsight::BLINDSIGHT_PATH {

// The transforms are given apart: a path may have several.
constexpr Kernels make_table(const char* name, decltype(Kernels::ntt) ntt, decltype(Kernels::inverse_ntt) inverse_ntt) {
  Kernels table{};
  table.name = name;
  table.ntt = ntt;
  table.inverse_ntt = inverse_ntt;
  table.key_product = key_product;
  table.weighted_sums = weighted_sums;
  table.tensor_sums = tensor_sums;
  table.subtract_multiply = subtract_multiply;
  table.add_multiple = add_multiple;
  table.multiply = multiply_row;
  table.split = split_row;
  table.add = add_rows;
  table.all_below = all_below;
  table.blake2xb_leaves = blake2xb_leaves;
  return table;
}

}  // namespace blindsight::BLINDSIGHT_PATH
