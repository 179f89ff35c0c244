// The first half of an evaluation: rotations of the inputs, and their sums of products.
#include "stage_run.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace blindsight {

StageRun::StageRun(const Stage& stage, const Keys& keys, const std::vector<Stage::Input>& inputs)
    : stage_(stage),
      shape_(stage.shape()),
      ring_(stage.ring()),
      kernels_(ring_.kernels()),
      inputs_(inputs),
      n_(ring_.dimension()),
      rows_(stage.rows()),
      switcher_(ring_, shape_.level, scratch_) {
  find_keys(keys);
}

void StageRun::find_keys(const Keys& keys) {
  const auto key_of = [&](u64 element) { return element == Stage::kNoRotation ? nullptr : keys.get(element, shape_.level); };
  for (const auto& rotation : shape_.rotations) rotation_keys_.push_back(key_of(rotation.element));
  for (const auto& sum : shape_.sums) giant_keys_.push_back(key_of(sum.element));
  for (const auto& group : shape_.fold_groups) {
    fold_keys_.emplace_back();
    for (u64 element : group) fold_keys_.back().push_back(key_of(element));
  }
  if (shape_.encrypted) relinearisation_ = keys.get(Keys::kRelinearisation, shape_.level);
  if (shape_.square)
    square_key_ = keys.get(Keys::kRelinearisation, shape_.level - (shape_.rescale_first ? 1 : 0));
}

Rows StageRun::take_rows(ScratchScope& scratch, std::size_t rows) const {
  const std::size_t stride = n_ + kRowPadding;
  return {scratch.take(rows * stride), stride};
}

StageRun::Pair StageRun::take_pair(ScratchScope& scratch, std::size_t rows) const {
  return {take_rows(scratch, rows), take_rows(scratch, rows)};
}

ConstRows StageRun::input(std::size_t source, std::size_t polynomial) const {
  return {inputs_[source].words + polynomial * inputs_[source].rows * n_, n_};
}

std::vector<Ciphertext> StageRun::outputs() {
  take_memory();
  if (shape_.chained) walk_inputs();
  for (std::size_t row = 0; row < rows_; ++row) {
    rotate_inputs(row);
    if (!shape_.encrypted) sum_products(row);
  }
  if (shape_.encrypted) {
    divide_rotations();
    sum_encrypted_products();
  }
  std::vector<Ciphertext> outputs;
  for (std::size_t target = 0; target < shape_.targets; ++target) {
    ScratchScope scratch;
    Pair total = take_pair(scratch, rows_), other = take_pair(scratch, rows_);
    add_giants(target, total);
    for (const auto& keys : fold_keys_) add_folds(total, other, keys);
    add_bias(target, total);
    outputs.push_back(finished(total));
  }
  return outputs;
}

// Memory for rotations and sums, and the digits of each input that is rotated. With plain weights one row of all
// rotations is multiplied before the next row is made: they share the memory of one row, which stays in the cache.
// Where rotations are made one from the other, all rows of one are needed for the next.
void StageRun::take_memory() {
  const bool whole = shape_.encrypted || shape_.chained;
  for (std::size_t rotation = 0; rotation < shape_.rotations.size(); ++rotation) {
    Pair pair = take_pair(scratch_, whole ? rows_ : 1);
    if (!whole) pair.first.stride = pair.second.stride = 0;
    rotations_.push_back(pair);
  }
  for (std::size_t sum = 0; sum < shape_.sums.size(); ++sum) sums_.push_back(take_pair(scratch_, rows_));
  gathered_ = scratch_.take(shape_.encrypted ? 2 * shape_.terms.size() * TensorSums::kBlock
                                             : 2 * rotations_.size() * std::min(Stage::kBlock, n_));
  hoisted_.resize(inputs_.size());
  for (std::size_t rotation = 0; rotation < shape_.rotations.size(); ++rotation) {
    std::optional<KeySwitcher>& hoisted = hoisted_[shape_.rotations[rotation].source];
    if (!rotation_keys_[rotation] || hoisted || shape_.chained) continue;
    hoisted.emplace(ring_, shape_.level, scratch_);
    hoisted->decompose(input(shape_.rotations[rotation].source, 1));
  }
}

// A row of all rotations. Those of an input share its digits, and are left extended: Bossuat et al. 2021.
void StageRun::rotate_inputs(std::size_t row) {
  const bool data = row < stage_.data_rows();
  for (std::size_t source = 0; source < hoisted_.size(); ++source)
    if (hoisted_[source]) hoisted_[source]->select_row(row, data ? input(source, 1)[row] : nullptr);
  for (std::size_t rotation = 0; rotation < rotations_.size(); ++rotation) {
    const Pair& pair = rotations_[rotation];
    if (!rotation_keys_[rotation]) {
      keep_unrotated(rotation, row);
      continue;
    }
    if (shape_.chained) {
      if (shape_.encrypted) continue;
      for (u64* words : {pair.first[row], pair.second[row]}) kernels_.split(n_, words, words);
      continue;
    }
    const std::size_t source = shape_.rotations[rotation].source;
    KeyProduct product;
    product.scaled[0] = data ? input(source, 0)[row] : nullptr;
    product.output = shape_.encrypted ? KeyProduct::Output::canonical : KeyProduct::Output::split;
    product.out[0] = pair.first[row];
    product.out[1] = pair.second[row];
    hoisted_[source]->multiply(*rotation_keys_[rotation], product);
  }
}

// All rotations of a chained stage, canonical. One that is made from another takes it extended, as giants take sums.
void StageRun::walk_inputs() {
  for (std::size_t rotation = 0; rotation < rotations_.size(); ++rotation) {
    if (!rotation_keys_[rotation]) continue;
    const std::size_t source = shape_.rotations[rotation].source;
    const Pair* before = stage_.follows_rotation(rotation) ? &rotations_[rotation - 1] : nullptr;
    if (before != nullptr)
      switcher_.divide_and_decompose(before->second);
    else
      switcher_.decompose(input(source, 1));
    for (std::size_t row = 0; row < rows_; ++row) {
      const bool fresh = before == nullptr && row < stage_.data_rows();
      switcher_.select_row(row, fresh ? input(source, 1)[row] : nullptr);
      KeyProduct product;
      product.scaled[0] = fresh ? input(source, 0)[row] : nullptr;
      product.added = before != nullptr ? before->first[row] : nullptr;
      product.out[0] = rotations_[rotation].first[row];
      product.out[1] = rotations_[rotation].second[row];
      switcher_.multiply(*rotation_keys_[rotation], product);
    }
  }
}

// A row of the input itself: times P where the stage is extended, or ready for products with encrypted weights.
void StageRun::keep_unrotated(std::size_t rotation, std::size_t row) {
  for (std::size_t polynomial = 0; polynomial < 2; ++polynomial) {
    const Pair& pair = rotations_[rotation];
    u64* to = polynomial == 0 ? pair.first[row] : pair.second[row];
    if (row == stage_.data_rows()) {
      std::memset(to, 0, n_ * sizeof(u64));
      continue;
    }
    const Modulus& modulus = ring_.modulus(row);
    Multiplier factor = modulus.one;
    if (shape_.encrypted)
      factor = make_multiplier(modulus.montgomery, modulus.value);
    else if (stage_.extended_)
      factor = ring_.relation(ring_.special(), row).residue;
    kernels_.multiply(modulus, n_, input(shape_.rotations[rotation].source, polynomial)[row], factor, to, Form::split);
  }
}

// Products of two ciphertexts are of data rows, so their rotations are divided by P first.
void StageRun::divide_rotations() {
  for (std::size_t rotation = 0; rotation < rotations_.size(); ++rotation) {
    if (!rotation_keys_[rotation]) continue;
    for (const Rows& rows : {rotations_[rotation].first, rotations_[rotation].second})
      divide(ring_, stage_.data_rows(), rows, ring_.special(), rows[rows_ - 1], rows, Quotient::montgomery_split);
  }
}

// A row of all sums, a block at a time.
void StageRun::sum_products(std::size_t row) {
  const std::size_t block = std::min(Stage::kBlock, n_), width = stage_.halved_ ? 2 : 1;
  const std::size_t block_weights = block / width * stage_.rotation_.size();
  std::vector<const u64*> first(rotations_.size()), second(rotations_.size());
  std::vector<u64*> first_out(sums_.size()), second_out(sums_.size());
  WeightedSums sums{};
  sums.modulus = &switcher_.modulus_of(row);
  sums.words = block;
  sums.rotations = rotations_.size();
  sums.inputs[0] = first.data();
  sums.inputs[1] = second.data();
  sums.sums = sums_.size();
  sums.begin = stage_.begin_.data();
  sums.rotation = stage_.rotation_.data();
  sums.weights = stage_.stream_.data() + row * (n_ / block) * block_weights;
  sums.halved = stage_.halved_;
  sums.scratch = gathered_;
  sums.out[0] = first_out.data();
  sums.out[1] = second_out.data();
  for (std::size_t at = 0; at < n_; at += block, sums.weights += block_weights) {
    for (std::size_t i = 0; i < rotations_.size(); ++i) {
      first[i] = rotations_[i].first[row] + at;
      second[i] = rotations_[i].second[row] + at;
    }
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      first_out[i] = sums_[i].first[row] + at;
      second_out[i] = sums_[i].second[row] + at;
    }
    kernels_.weighted_sums(sums);
  }
}

void StageRun::sum_encrypted_products() {
  ScratchScope scratch;
  const Rows products[3] = {take_rows(scratch, rows_), take_rows(scratch, rows_), take_rows(scratch, rows_)};
  const std::size_t polynomial = stage_.data_rows() * n_;
  std::vector<const u64*> x[2], y[2];
  for (std::size_t sum = 0; sum < shape_.sums.size(); ++sum) {
    const std::size_t begin = stage_.begin_[sum], end = stage_.begin_[sum + 1];
    if (begin == end) {
      set_zero(sums_[sum]);
      continue;
    }
    for (std::size_t row = 0; row < stage_.data_rows(); ++row) {
      for (auto* pointers : {&x[0], &x[1], &y[0], &y[1]}) pointers->clear();
      for (std::size_t term = begin; term < end; ++term) {
        const Pair& rotation = rotations_[stage_.rotation_[term]];
        const u64* weight = stage_.encrypted_[shape_.terms[term].weight] + row * n_;
        x[0].push_back(rotation.first[row]);
        x[1].push_back(rotation.second[row]);
        y[0].push_back(weight);
        y[1].push_back(weight + polynomial);
      }
      kernels_.tensor_sums({&ring_.modulus(row), n_, end - begin, {x[0].data(), x[1].data()},
                            {y[0].data(), y[1].data()}, gathered_, {products[0][row], products[1][row], products[2][row]}});
    }
    relinearise(products, sums_[sum], *relinearisation_, switcher_);
  }
}

// Three polynomials, the last one times the secret's square, to two extended ones.
void StageRun::relinearise(const Rows (&products)[3], Pair out, const SwitchingKey& key, KeySwitcher& switcher) const {
  switcher.decompose(products[2]);
  for (std::size_t row = 0; row <= switcher.data_rows(); ++row) {
    const bool data = row < switcher.data_rows();
    switcher.select_row(row, data ? products[2][row] : nullptr);
    KeyProduct product;
    product.scaled[0] = data ? products[0][row] : nullptr;
    product.scaled[1] = data ? products[1][row] : nullptr;
    product.output = KeyProduct::Output::canonical;
    product.out[0] = out.first[row];
    product.out[1] = out.second[row];
    switcher.multiply(key, product);
  }
}

std::vector<Ciphertext> Stage::run(const Keys& keys, const std::vector<Input>& inputs) const {
  if (&keys.ring() != ring_.get()) throw std::invalid_argument("the keys are of another ring than the stage");
  const std::size_t n = ring_->dimension();
  if (inputs.size() < sources_)
    throw std::invalid_argument("there are " + std::to_string(inputs.size()) + " inputs; the stage reads " +
                                std::to_string(sources_));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "inputs[" + std::to_string(i) + "]";
    if (inputs[i].rows < data_rows())
      throw std::invalid_argument(name + " has " + std::to_string(inputs[i].rows) + " primes; the stage reads " +
                                  std::to_string(data_rows()));
    for (std::size_t row = 0; row < 2 * data_rows(); ++row) {
      const std::size_t place = row / data_rows() * inputs[i].rows + row % data_rows();
      if (!ring_->kernels().all_below(n, inputs[i].words + place * n, ring_->primes()[row % data_rows()]))
        throw std::invalid_argument(name + ": a residue isn't below its prime");
    }
  }
  return StageRun(*this, keys, inputs).outputs();
}

}  // namespace blindsight
