#include "key_switching.h"

#include <cstring>
#include <string>

namespace blindsight {
namespace {

// Words between the rows of a key, beyond both polynomials of one.
constexpr std::size_t kKeyPadding = 136;

// Writes one polynomial's row of a key among the words of the other: blocks of four words in turn.
void interleave(const u64* row, std::size_t dimension, const Permutation* permutation, u64* out) {
  for (std::size_t block = 0; block < dimension / kLanes; ++block)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t to = permutation == nullptr ? lane : (permutation->pattern[block] >> (2 * lane)) & 3U;
      const std::size_t from = permutation == nullptr ? block : permutation->destination[block];
      out[2 * kLanes * block + to] = row[kLanes * from + lane];
    }
}

std::string name_of(u64 element) { return "element " + std::to_string(element); }

}  // namespace

std::size_t SwitchingKey::word_count(const Ring& ring, std::size_t level) {
  return (level + 1) * (level + 2) * (2 * ring.dimension() + kKeyPadding);
}

SwitchingKey::SwitchingKey(const Ring& ring, u64 element, std::size_t level)
    : level_(level), stride_(2 * ring.dimension() + kKeyPadding) {
  if (element != Keys::kRelinearisation) {
    action_ = ring.action(element);
    permutation_ = action_->view();
  }
}

SwitchingKey SwitchingKey::from_words(const Ring& ring, u64 element, std::size_t level, const u64* words) {
  SwitchingKey key(ring, element, level);
  key.words_ = words;
  return key;
}

SwitchingKey::SwitchingKey(const Ring& ring, u64 element, std::size_t level, const u64* residues)
    : SwitchingKey(ring, element, level) {
  own_ = Buffer(word_count(ring, level));
  words_ = own_.data();
  const std::size_t n = ring.dimension(), primes = ring.primes().size();
  Buffer row_words(n);
  for (std::size_t row = 0; row <= level + 1; ++row) {
    const std::size_t prime = row <= level ? row : ring.special();
    const Modulus& modulus = ring.modulus(prime);
    const Multiplier factor = make_multiplier(modulus.montgomery, modulus.value);
    for (std::size_t part = 0; part <= level; ++part) {
      // Words may be written to a file, which nothing else in the process's memory may get into.
      std::memset(own_.data() + (row * (level + 1) + part) * stride_ + 2 * n, 0, kKeyPadding * sizeof(u64));
      for (std::size_t polynomial = 0; polynomial < 2; ++polynomial) {
        const u64* from = residues + ((2 * part + polynomial) * primes + prime) * n;
        ring.kernels().multiply(modulus, n, from, factor, row_words.data(), Form::split);
        u64* to = own_.data() + (row * (level + 1) + part) * stride_ + polynomial * kLanes;
        interleave(row_words.data(), n, permutation(), to);
      }
    }
  }
}

void Keys::check(u64 element, std::size_t level) const {
  if (element != kRelinearisation && (element % 2 == 0 || element >= 2 * ring_->dimension()))
    throw std::invalid_argument(name_of(element) +
                                " isn't a Galois element (odd, below 2N), nor 0 for the relinearisation key");
  if (level >= ring_->special())
    throw std::invalid_argument("level " + std::to_string(level) + " isn't one of the ring's " +
                                std::to_string(ring_->special()));
  if (levels().count(element) != 0) throw std::invalid_argument(name_of(element) + "'s key is there already");
}

void Keys::add(u64 element, std::size_t level, std::size_t parts, const u64* residues) {
  check(element, level);
  const std::size_t n = ring_->dimension(), primes = ring_->primes().size();
  if (parts <= level)
    throw std::invalid_argument(name_of(element) + "'s key has " + std::to_string(parts) + " parts; level " +
                                std::to_string(level) + " needs " + std::to_string(level + 1));
  for (std::size_t row = 0; row < 2 * (level + 1) * primes; ++row)
    if (!ring_->kernels().all_below(n, residues + row * n, ring_->primes()[row % primes]))
      throw std::invalid_argument("a residue of " + name_of(element) + "'s key isn't below its prime");
  insert(element, SwitchingKey(*ring_, element, level, residues));
}

void Keys::add_words(u64 element, std::size_t level, std::size_t count, const u64* words) {
  check(element, level);
  const std::size_t expected = SwitchingKey::word_count(*ring_, level);
  if (count != expected)
    throw std::invalid_argument(name_of(element) + "'s key has " + std::to_string(count) + " words; level " +
                                std::to_string(level) + " needs " + std::to_string(expected));
  insert(element, SwitchingKey::from_words(*ring_, element, level, words));
}

void Keys::insert(u64 element, SwitchingKey key) {
  auto shared = std::make_shared<const SwitchingKey>(std::move(key));
  const std::lock_guard<std::mutex> lock(mutex_);
  keys_.emplace(element, std::move(shared));
}

std::shared_ptr<const SwitchingKey> Keys::get(u64 element, std::size_t level) const {
  const std::string name = element == kRelinearisation ? "the relinearisation key (element 0)"
                                                       : "the key of Galois element " + std::to_string(element);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = keys_.find(element);
  if (found == keys_.end()) throw MissingKey(name + " is missing");
  if (found->second->level() < level)
    throw MissingKey(name + " is kept up to level " + std::to_string(found->second->level()) + ", and level " +
                     std::to_string(level) + " needs it");
  return found->second;
}

std::map<u64, std::size_t> Keys::levels() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<u64, std::size_t> levels;
  for (const auto& [element, key] : keys_) levels.emplace(element, key->level());
  return levels;
}

std::size_t Keys::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [element, key] : keys_) bytes += key->bytes();
  return bytes;
}

KeySwitcher::KeySwitcher(const Ring& ring, std::size_t level, ScratchScope& scratch) : ring_(ring), level_(level) {
  const std::size_t stride = ring.dimension() + kRowPadding;
  coefficients_ = {scratch.take((level + 2) * stride), stride};
  digits_ = {scratch.take((level + 1) * stride), stride};
  const std::size_t special = ring.special();
  for (std::size_t row = 0; row <= level; ++row) {
    digit_pointers_.push_back(digits_[row]);
    const Modulus& modulus = ring.modulus(row);
    scales_.push_back(multiply_mod(modulus.montgomery, ring.relation(special, row).residue, modulus.value));
  }
}

void KeySwitcher::decompose(ConstRows polynomial) {
  for (std::size_t row = 0; row <= level_; ++row) ring_.inverse_ntt(row, polynomial[row], coefficients_[row]);
}

void KeySwitcher::divide_and_decompose(ConstRows extended) {
  const std::size_t special = ring_.special(), n = ring_.dimension();
  decompose(extended);
  u64* remainder = coefficients_[level_ + 1];
  ring_.inverse_ntt(special, extended[level_ + 1], remainder);
  for (std::size_t row = 0; row <= level_; ++row) {
    const Relation& relation = ring_.relation(special, row);
    ring_.kernels().subtract_multiply(ring_.modulus(row), n, coefficients_[row], remainder, relation.lift,
                                      relation.inverse, coefficients_[row], Form::canonical);
  }
}

void KeySwitcher::select_row(std::size_t row, const u64* own) {
  row_ = row;
  const std::size_t prime = prime_of(row);
  for (std::size_t digit = 0; digit <= level_; ++digit) {
    if (digit == row && own != nullptr)
      ring_.kernels().split(ring_.dimension(), own, digits_[digit]);
    else
      ring_.kernels().ntt(ring_.tables(prime), coefficients_[digit],
                          digit == row ? Lift::none(ring_.primes()[row]) : ring_.relation(digit, prime).lift, digits_[digit], Form::split);
  }
}

void KeySwitcher::multiply(const SwitchingKey& key, KeyProduct product) const {
  const u64* keys[64];
  const std::size_t key_row = row_ <= level_ ? row_ : key.level() + 1;
  for (std::size_t part = 0; part <= level_; ++part) keys[part] = key.row(part, key_row);
  product.modulus = &modulus_of(row_);
  product.dimension = ring_.dimension();
  product.parts = level_ + 1;
  product.digits = digit_pointers_.data();
  product.keys = keys;
  if (row_ <= level_)
    product.scale = scales_[row_];
  else
    product.scaled[0] = product.scaled[1] = nullptr;  // P times anything is none modulo P
  product.permutation = key.permutation();
  ring_.kernels().key_product(product);
}

void divide(const Ring& ring, std::size_t rows, ConstRows polynomial, std::size_t from, const u64* from_row, Rows out,
            Quotient quotient) {
  const std::size_t n = ring.dimension();
  ScratchScope scratch;
  u64 *remainder = scratch.take(n), *lifted = scratch.take(n);
  ring.inverse_ntt(from, from_row, remainder);
  for (std::size_t row = 0; row < rows; ++row) {
    const Relation& relation = ring.relation(from, row);
    const Modulus& modulus = ring.modulus(row);
    const Lift unlifted = Lift::none(modulus.value);
    ring.kernels().ntt(ring.tables(row), remainder, relation.lift, lifted, Form::canonical);
    if (quotient == Quotient::plain) {
      ring.kernels().subtract_multiply(modulus, n, polynomial[row], lifted, unlifted, relation.inverse, out[row],
                                       Form::canonical);
      continue;
    }
    const u64 scaled = multiply_mod(modulus.montgomery, relation.inverse, modulus.value);
    ring.kernels().subtract_multiply(modulus, n, polynomial[row], lifted, unlifted, make_multiplier(scaled, modulus.value),
                                     out[row], Form::split);
  }
}

// With r = x mod P and y = (x - r) / P mod q, both nearest to zero, x - r - P y is a multiple of P q: one transform a
// row for the two divisions.
void divide_twice(const Ring& ring, std::size_t level, ConstRows extended, Rows out) {
  const std::size_t n = ring.dimension(), special = ring.special();
  const Kernels& kernels = ring.kernels();
  ScratchScope scratch;
  u64 *r = scratch.take(n), *y = scratch.take(n), *remainder = scratch.take(n);
  ring.inverse_ntt(special, extended[level + 1], r);
  ring.inverse_ntt(level, extended[level], y);
  const Relation& to_last = ring.relation(special, level);
  kernels.subtract_multiply(ring.modulus(level), n, y, r, to_last.lift, to_last.inverse, y, Form::canonical);
  for (std::size_t row = 0; row < level; ++row) {
    const Modulus& modulus = ring.modulus(row);
    const Relation &by_special = ring.relation(special, row), &by_last = ring.relation(level, row);
    kernels.add_multiple(modulus, n, r, by_special.lift, y, by_last.lift, by_special.residue, remainder);
    kernels.ntt(ring.tables(row), remainder, Lift::none(8 * modulus.value), remainder, Form::canonical);
    const u64 inverse = multiply_mod(by_special.inverse.value, by_last.inverse, modulus.value);
    kernels.subtract_multiply(modulus, n, extended[row], remainder, Lift::none(modulus.value), make_multiplier(inverse, modulus.value),
                              out[row], Form::canonical);
  }
}

}  // namespace blindsight
