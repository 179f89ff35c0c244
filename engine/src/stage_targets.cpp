// The second half of an evaluation: a target's value from its sums.
#include <cstring>
#include <utility>

#include "stage_run.h"

namespace blindsight {

// The sums of a target, each rotated by its giant step; in a chained stage with all that came to it from later ones.
void StageRun::add_giants(std::size_t target, Pair total) {
  set_zero(total);
  for (std::size_t number = sums_.size(); number-- > 0;) {
    if (shape_.sums[number].target != target) continue;
    const Pair to = stage_.follows_sum(number) ? sums_[number - 1] : total;
    if (giant_keys_[number])
      add_rotations(sums_[number], to, {giant_keys_[number]});
    else
      add(sums_[number], to);
  }
}

// total += all rotations of an extended value.
void StageRun::add_rotations(Pair value, Pair total, const std::vector<Key>& keys) {
  switcher_.divide_and_decompose(value.second);
  for (std::size_t row = 0; row < rows_; ++row) {
    switcher_.select_row(row, nullptr);
    for (const Key& key : keys) {
      KeyProduct product;
      product.added = value.first[row];
      product.output = KeyProduct::Output::accumulate;
      product.out[0] = total.first[row];
      product.out[1] = total.second[row];
      switcher_.multiply(*key, product);
    }
  }
}

void StageRun::set_zero(Pair value) const {
  for (std::size_t row = 0; row < rows_; ++row)
    for (u64* words : {value.first[row], value.second[row]}) std::memset(words, 0, n_ * sizeof(u64));
}

void StageRun::add(Pair value, Pair total) const {
  for (std::size_t row = 0; row < rows_; ++row) {
    const Modulus& modulus = switcher_.modulus_of(row);
    kernels_.add(modulus, n_, value.first[row], total.first[row], total.first[row]);
    kernels_.add(modulus, n_, value.second[row], total.second[row], total.second[row]);
  }
}

// total += all rotations of it; `other` is memory for the sum.
void StageRun::add_folds(Pair& total, Pair& other, const std::vector<Key>& keys) {
  for (std::size_t row = 0; row < rows_; ++row) {
    std::memcpy(other.first[row], total.first[row], n_ * sizeof(u64));
    std::memcpy(other.second[row], total.second[row], n_ * sizeof(u64));
  }
  add_rotations(total, other, keys);
  std::swap(total, other);
}

void StageRun::add_bias(std::size_t target, Pair total) const {
  const u64* bias = stage_.biases_[target].data();
  for (std::size_t i = 0; i < stage_.bias_polynomials_[target] * stage_.data_rows(); ++i) {
    const std::size_t row = i % stage_.data_rows();
    u64* to = i < stage_.data_rows() ? total.first[row] : total.second[row];
    kernels_.add(ring_.modulus(row), n_, to, bias + i * n_, to);
  }
}

Ciphertext StageRun::finished(Pair total) const {
  const std::size_t level = shape_.level, divided = shape_.level + (shape_.rescale_first ? 0 : 1);
  if (!shape_.square) {
    Ciphertext output{divided, Buffer(2 * divided * n_)};
    divided_value(total, {{output.words.data(), n_}, {output.words.data() + divided * n_, n_}});
    return output;
  }
  ScratchScope scratch;
  const Pair value = take_pair(scratch, divided);
  divided_value(total, value);
  return squared(value, shape_.rescale_first ? level - 1 : level);
}

// A target's value before its square: divided by P where it is extended, and rescaled where that comes first.
void StageRun::divided_value(Pair total, Pair out) const {
  const std::size_t level = shape_.level;
  for (const auto& [from, to] : {std::pair{total.first, out.first}, std::pair{total.second, out.second}}) {
    if (stage_.extended_ && shape_.rescale_first)
      divide_twice(ring_, level, from, to);
    else if (stage_.extended_)
      divide(ring_, level + 1, from, ring_.special(), from[level + 1], to);
    else if (shape_.rescale_first)
      divide(ring_, level, from, level, from[level], to);
    else
      for (std::size_t row = 0; row <= level; ++row) std::memcpy(to[row], from[row], n_ * sizeof(u64));
  }
}

// The square of a ciphertext at a level, relinearised and rescaled.
Ciphertext StageRun::squared(Pair value, std::size_t level) const {
  ScratchScope scratch;
  const Rows products[3] = {take_rows(scratch, level + 1), take_rows(scratch, level + 1),
                            take_rows(scratch, level + 1)};
  const Pair factor = take_pair(scratch, 1), total = take_pair(scratch, level + 2);
  u64* gathered = scratch.take(2 * TensorSums::kBlock);
  for (std::size_t row = 0; row <= level; ++row) {
    const Modulus& modulus = ring_.modulus(row);
    const Multiplier montgomery = make_multiplier(modulus.montgomery, modulus.value);
    const u64 *x[2] = {factor.first[0], factor.second[0]}, *y[2] = {value.first[row], value.second[row]};
    kernels_.multiply(modulus, n_, y[0], montgomery, factor.first[0], Form::split);
    kernels_.multiply(modulus, n_, y[1], montgomery, factor.second[0], Form::split);
    kernels_.tensor_sums({&modulus, n_, 1, {&x[0], &x[1]}, {&y[0], &y[1]}, gathered,
                          {products[0][row], products[1][row], products[2][row]}});
  }
  KeySwitcher switcher(ring_, level, scratch);
  relinearise(products, total, *square_key_, switcher);
  Ciphertext output{level, Buffer(2 * level * n_)};
  divide_twice(ring_, level, total.first, {output.words.data(), n_});
  divide_twice(ring_, level, total.second, {output.words.data() + level * n_, n_});
  return output;
}

}  // namespace blindsight
