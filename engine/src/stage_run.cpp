// One evaluation of a stage.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "stages.h"

namespace blindsight {

// A polynomial has a row for each data prime of the level, and one for the special prime behind them where the stage is
// extended. Then all values up to the last division are P times what they stand for.
class StageRun {
 public:
  StageRun(const Stage& stage, const Keys& keys, const std::vector<Stage::Input>& inputs);
  std::vector<Ciphertext> outputs();

 private:
  struct Pair {
    Rows first, second;  // polynomials of a ciphertext
  };
  using Key = std::shared_ptr<const SwitchingKey>;

  Pair take_pair(ScratchScope& scratch, std::size_t rows) const;
  Rows take_rows(ScratchScope& scratch, std::size_t rows) const;
  void find_keys(const Keys& keys);
  ConstRows input(std::size_t source, std::size_t polynomial) const;

  void take_memory();
  void rotate_inputs(std::size_t row);
  void keep_unrotated(std::size_t rotation, std::size_t row);
  void divide_rotations();
  void sum_products(std::size_t row);
  void sum_encrypted_products();
  void relinearise(const Rows (&products)[3], Pair out, const SwitchingKey& key, KeySwitcher& switcher) const;
  void add_giants(std::size_t target, Pair total);
  void add_rotations(Pair value, Pair total, const std::vector<Key>& keys);
  void add(Pair value, Pair total) const;
  void add_folds(Pair& total, Pair& other, const std::vector<Key>& keys);
  void add_bias(std::size_t target, Pair total) const;
  Ciphertext finished(Pair total) const;
  void divided_value(Pair total, Pair out) const;
  Ciphertext squared(Pair value, std::size_t level) const;

  const Stage& stage_;
  const StageShape& shape_;
  const Ring& ring_;
  const Kernels& kernels_;
  const std::vector<Stage::Input>& inputs_;
  const std::size_t n_;
  const std::size_t rows_;
  ScratchScope scratch_;
  KeySwitcher switcher_;

  std::vector<Key> rotation_keys_, giant_keys_;  // null where nothing is rotated
  std::vector<std::vector<Key>> fold_keys_;
  Key relinearisation_, square_key_;
  std::vector<std::optional<KeySwitcher>> hoisted_;  // the digits of each input that is rotated
  u64* gathered_ = nullptr;  // a block of all rotations
  std::vector<Pair> rotations_;  // split; Montgomery and of data rows only, where weights are encrypted
  std::vector<Pair> sums_;       // canonical
};

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
void StageRun::take_memory() {
  for (std::size_t rotation = 0; rotation < shape_.rotations.size(); ++rotation) {
    Pair pair = take_pair(scratch_, shape_.encrypted ? rows_ : 1);
    if (!shape_.encrypted) pair.first.stride = pair.second.stride = 0;
    rotations_.push_back(pair);
  }
  for (std::size_t sum = 0; sum < shape_.sums.size(); ++sum) sums_.push_back(take_pair(scratch_, rows_));
  if (!shape_.encrypted) gathered_ = scratch_.take(2 * rotations_.size() * std::min(Stage::kBlock, n_));
  hoisted_.resize(inputs_.size());
  for (std::size_t rotation = 0; rotation < shape_.rotations.size(); ++rotation) {
    std::optional<KeySwitcher>& hoisted = hoisted_[shape_.rotations[rotation].source];
    if (!rotation_keys_[rotation] || hoisted) continue;
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
    if (!rotation_keys_[rotation]) {
      keep_unrotated(rotation, row);
      continue;
    }
    const std::size_t source = shape_.rotations[rotation].source;
    KeyProduct product;
    product.scaled[0] = data ? input(source, 0)[row] : nullptr;
    product.output = shape_.encrypted ? KeyProduct::Output::canonical : KeyProduct::Output::split;
    product.out[0] = rotations_[rotation].first[row];
    product.out[1] = rotations_[rotation].second[row];
    hoisted_[source]->multiply(*rotation_keys_[rotation], product);
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
      divide(ring_, stage_.data_rows(), rows, ring_.special(), rows[rows_ - 1], rows, Factor::montgomery_split);
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
                            {y[0].data(), y[1].data()}, {products[0][row], products[1][row], products[2][row]}});
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

// The sums of a target, each rotated by its giant step.
void StageRun::add_giants(std::size_t target, Pair total) {
  for (std::size_t row = 0; row < rows_; ++row) {
    std::memset(total.first[row], 0, n_ * sizeof(u64));
    std::memset(total.second[row], 0, n_ * sizeof(u64));
  }
  for (std::size_t number = 0; number < sums_.size(); ++number) {
    if (shape_.sums[number].target != target) continue;
    if (giant_keys_[number])
      add_rotations(sums_[number], total, {giant_keys_[number]});
    else
      add(sums_[number], total);
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
  for (std::size_t row = 0; row <= level; ++row) {
    const Modulus& modulus = ring_.modulus(row);
    const Multiplier montgomery = make_multiplier(modulus.montgomery, modulus.value);
    const u64 *x[2] = {factor.first[0], factor.second[0]}, *y[2] = {value.first[row], value.second[row]};
    kernels_.multiply(modulus, n_, y[0], montgomery, factor.first[0], Form::split);
    kernels_.multiply(modulus, n_, y[1], montgomery, factor.second[0], Form::split);
    kernels_.tensor_sums(
        {&modulus, n_, 1, {&x[0], &x[1]}, {&y[0], &y[1]}, {products[0][row], products[1][row], products[2][row]}});
  }
  KeySwitcher switcher(ring_, level, scratch);
  relinearise(products, total, *square_key_, switcher);
  Ciphertext output{level, Buffer(2 * level * n_)};
  divide_twice(ring_, level, total.first, {output.words.data(), n_});
  divide_twice(ring_, level, total.second, {output.words.data() + level * n_, n_});
  return output;
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
