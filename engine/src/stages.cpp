#include "stages.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace blindsight {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

std::string place(const char* name, std::size_t index) { return name + ("[" + std::to_string(index) + "]"); }

void check_element(const std::string& name, u64 element, std::size_t dimension) {
  if (element % 2 == 0 || element >= 2 * dimension)
    refuse(name + ": " + std::to_string(element) + " isn't a Galois element (odd, below 2N)");
}

// Whether words 2i and 2i + 1 are equal throughout, as they are in vectors whose period is half the slots or less.
bool is_halved(const u64* words, std::size_t size) {
  for (std::size_t i = 0; i < size; i += 2)
    if (std::memcmp(words + i, words + i + 1, sizeof(u64)) != 0) return false;  // any address
  return true;
}

}  // namespace

void Stage::check() const {
  const std::size_t n = ring_->dimension();
  if (shape_.level >= ring_->special())
    refuse("level " + std::to_string(shape_.level) + " isn't one of the ring's " + std::to_string(ring_->special()));
  const std::size_t rescalings = shape_.square ? (shape_.rescale_first ? 2 : 1) : 0;
  if (shape_.level < rescalings)
    refuse("level " + std::to_string(shape_.level) + " is too low for " + std::to_string(rescalings) + " rescalings");
  if (shape_.rescale_first && !shape_.square) refuse("rescale_first is for stages that square");
  for (std::size_t i = 0; i < shape_.rotations.size(); ++i) {
    check_element(place("rotations", i), shape_.rotations[i].element, n);
    if (follows_rotation(i) && shape_.rotations[i].element == kNoRotation)
      refuse(place("rotations", i) + ": 1 rotates nothing, and follows another rotation");
  }
  for (std::size_t i = 0; i < shape_.sums.size(); ++i) {
    check_element(place("sums", i), shape_.sums[i].element, n);
    const std::size_t before = i == 0 ? 0 : shape_.sums[i - 1].target;
    if (shape_.sums[i].target < before) refuse(place("sums", i) + " isn't in the order of targets");
    if (shape_.sums[i].target >= shape_.targets)
      refuse(place("sums", i) + ": there is no target " + std::to_string(shape_.sums[i].target));
  }
  for (std::size_t i = 0; i < shape_.terms.size(); ++i) {
    const StageShape::Term& term = shape_.terms[i];
    if (i != 0 && term.sum < shape_.terms[i - 1].sum) refuse(place("terms", i) + " isn't in the order of sums");
    if (term.sum >= shape_.sums.size()) refuse(place("terms", i) + ": there is no sum " + std::to_string(term.sum));
    if (term.rotation >= shape_.rotations.size())
      refuse(place("terms", i) + ": there is no rotation " + std::to_string(term.rotation));
    if (term.weight >= shape_.weights) refuse(place("terms", i) + ": there is no weight " + std::to_string(term.weight));
  }
  for (std::size_t group = 0; group < shape_.fold_groups.size(); ++group)
    for (u64 element : shape_.fold_groups[group]) {
      check_element(place("fold_groups", group), element, n);
      if (element == kNoRotation) refuse(place("fold_groups", group) + ": 1 rotates nothing");
    }
}

Stage::Stage(std::shared_ptr<const Ring> ring, StageShape shape) : ring_(std::move(ring)), shape_(std::move(shape)) {
  check();
  const auto rotates = [](const auto& entry) { return entry.element != kNoRotation; };
  extended_ = shape_.encrypted || !shape_.fold_groups.empty() ||
              std::any_of(shape_.rotations.begin(), shape_.rotations.end(), rotates) ||
              std::any_of(shape_.sums.begin(), shape_.sums.end(), rotates);
  for (const StageShape::Rotation& rotation : shape_.rotations) sources_ = std::max(sources_, rotation.source + 1);

  begin_.assign(shape_.sums.size() + 1, 0);
  uses_.resize(shape_.weights);
  for (const StageShape::Term& term : shape_.terms) {
    ++begin_[term.sum + 1];
    uses_[term.weight].push_back(static_cast<u32>(rotation_.size()));
    rotation_.push_back(static_cast<u32>(term.rotation));
  }
  for (std::size_t sum = 0; sum < shape_.sums.size(); ++sum) {
    const bool followed = sum + 1 < shape_.sums.size() && follows_sum(sum + 1);
    if (begin_[sum + 1] == 0 && !followed) refuse(place("sums", sum) + " has no term");
    begin_[sum + 1] += begin_[sum];
  }
  std::vector<bool> has_sum(shape_.targets, false);
  for (const StageShape::Sum& sum : shape_.sums) has_sum[sum.target] = true;
  for (std::size_t target = 0; target < shape_.targets; ++target)
    if (!has_sum[target]) refuse("target " + std::to_string(target) + " has no sum");

  biases_.resize(shape_.targets);
  bias_polynomials_.resize(shape_.targets);
  if (shape_.encrypted)
    encrypted_.resize(shape_.weights);
  else
    stream_ = Buffer(rows() * ring_->dimension() / 2 * rotation_.size());
}

bool Stage::follows_rotation(std::size_t rotation) const {
  return shape_.chained && rotation > 0 && shape_.rotations[rotation - 1].source == shape_.rotations[rotation].source &&
         shape_.rotations[rotation - 1].element != kNoRotation;
}

bool Stage::follows_sum(std::size_t sum) const {
  return shape_.chained && sum > 0 && shape_.sums[sum - 1].target == shape_.sums[sum].target;
}

void Stage::check_residues(const char* name, std::size_t index, std::size_t polynomials, const u64* residues) const {
  const std::size_t n = ring_->dimension();
  for (std::size_t row = 0; row < polynomials * data_rows(); ++row)
    if (!ring_->kernels().all_below(n, residues + row * n, ring_->primes()[row % data_rows()]))
      refuse(place(name, index) + ": a residue isn't below its prime");
}

void Stage::set_weight(std::size_t weight, const u64* residues) {
  check_residues("weights", weight, 1, residues);
  const std::size_t n = ring_->dimension();
  ScratchScope scratch;
  u64 *special = scratch.take(n), *words = scratch.take(n);
  if (extended_) extend_weight(residues, special);
  if (halved_ && !is_halved(residues, data_rows() * n)) undo_halving();
  placed_ = true;
  for (std::size_t row = 0; row < rows(); ++row) {
    const Modulus& modulus = ring_->modulus(prime_of(row));
    const u64* from = row < data_rows() ? residues + row * n : special;
    const Multiplier factor = make_multiplier(modulus.montgomery, modulus.value);
    ring_->kernels().multiply(modulus, n, from, factor, words, Form::split);
    place_weight(weight, row, words);
  }
}

// The weight modulo the special prime. Its coefficients are small numbers, nearest to zero: by the Chinese remainder
// theorem of the first two primes, where there are two.
void Stage::extend_weight(const u64* residues, u64* out) const {
  const std::size_t n = ring_->dimension(), special = ring_->special();
  const bool two = data_rows() > 1;
  ScratchScope scratch;
  u64 *first = scratch.take(n), *second = scratch.take(n);
  ring_->inverse_ntt(0, residues, first);
  const u64 q0 = ring_->primes()[0], q1 = two ? ring_->primes()[1] : 1, p = ring_->primes()[special];
  const u128 product = u128{q0} * q1;
  const u64 minus_product = p - static_cast<u64>(product % p);
  const Relation& relation = ring_->relation(0, two ? 1 : special);
  if (two) {
    ring_->inverse_ntt(1, residues + n, second);
    // (second - first) / q0 mod q1
    ring_->kernels().subtract_multiply(ring_->modulus(1), n, second, first, Lift::none(q0),
                                       relation.inverse, second, Form::canonical);
  } else {
    std::memset(second, 0, n * sizeof(u64));
  }
  const Multiplier &one = ring_->modulus(special).one, &q0_mod_p = ring_->relation(0, special).residue;
  for (std::size_t i = 0; i < n; ++i) {
    const bool negative = u128{q0} * second[i] + first[i] > product / 2;
    u64 sum = multiply_mod(first[i], one, p) + multiply_mod(second[i], q0_mod_p, p) + (negative ? minus_product : 0);
    if (sum >= 2 * p) sum -= 2 * p;  // it is below 3 p
    out[i] = sum >= p ? sum - p : sum;
  }
  ring_->ntt(special, out, out);
}

void Stage::place_weight(std::size_t weight, std::size_t row, const u64* words) {
  const std::size_t n = ring_->dimension(), terms = rotation_.size(), width = halved_ ? kLanes / 2 : kLanes;
  const std::size_t block = std::min(kBlock, n);
  for (u32 term : uses_[weight]) {
    const std::size_t sum = shape_.terms[term].sum, count = begin_[sum + 1] - begin_[sum];
    for (std::size_t j = 0; j < n; j += kLanes) {
      // all terms of the rows and blocks before, of the sums before, and of the words before
      const std::size_t quad = (j % block) / kLanes;
      const std::size_t before = (row * n + j / block * block) / kLanes * terms + begin_[sum] * (block / kLanes) +
                                 quad * count + (term - begin_[sum]);
      u64* to = stream_.data() + before * width;
      for (std::size_t lane = 0; lane < width; ++lane) to[lane] = words[j + lane * (kLanes / width)];
    }
  }
}

// Makes four words of each two of the stream, since a weight came that isn't periodic.
void Stage::undo_halving() {
  Buffer whole(rows() * ring_->dimension() * rotation_.size());
  if (placed_)
    for (std::size_t i = 0; i < stream_.size(); ++i)
      whole.data()[2 * i] = whole.data()[2 * i + 1] = stream_.data()[i];
  stream_ = std::move(whole);
  halved_ = false;
}

void Stage::set_encrypted_weight(std::size_t weight, const u64* residues) { encrypted_[weight] = residues; }

void Stage::set_bias(std::size_t target, std::size_t polynomials, const u64* residues) {
  check_residues("biases", target, polynomials, residues);
  const std::size_t n = ring_->dimension();
  Buffer words(polynomials * data_rows() * n);
  for (std::size_t i = 0; i < polynomials * data_rows(); ++i) {
    const std::size_t row = i % data_rows();
    const Multiplier factor =
        extended_ ? ring_->relation(ring_->special(), row).residue : ring_->modulus(row).one;
    ring_->kernels().multiply(ring_->modulus(row), n, residues + i * n, factor, words.data() + i * n, Form::canonical);
  }
  biases_[target] = std::move(words);
  bias_polynomials_[target] = polynomials;
}

std::size_t Stage::bytes() const {
  std::size_t words = stream_.size();
  for (const Buffer& bias : biases_) words += bias.size();
  return words * sizeof(u64) + (begin_.size() + 2 * rotation_.size()) * sizeof(u32) +
         shape_.terms.size() * sizeof(StageShape::Term);
}

}  // namespace blindsight
