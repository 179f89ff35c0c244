// Evaluation keys, and what a key switch consists of.
//
// SEAL's keys have one part for each data prime q_i and one special prime P: a polynomial's *digit* i is its residue
// modulo q_i (Cheon, Han, Kim, Kim and Song, "A full RNS variant of approximate homomorphic encryption", 2018). The sum
// of digits times parts is the switched polynomial times P, modulo all primes; dividing by P makes the noise small.
// Two things save most of the work. A rotation permutes digits, so rotations of one ciphertext share its digits:
// *hoisting* (Halevi and Shoup, "Faster homomorphic linear transformations in HElib", 2018). And sums of products may
// be taken before they are divided by P: *double hoisting* (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux,
// "Efficient bootstrapping for approximate homomorphic encryption", 2021).
//
// Digits are centred: each is the representative nearest to zero. SEAL's digits lie in [0, q_i), and the noise of
// their mean is a spike in one slot, which hoisting would move to other slots.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "ring.h"

namespace blindsight {

// A key that a stage needs and a key set lacks.
class MissingKey : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Rows in memory, one for each prime.
struct Rows {
  u64* words = nullptr;
  std::size_t stride = 0;
  u64* operator[](std::size_t row) const { return words + row * stride; }
};

struct ConstRows {
  const u64* words = nullptr;
  std::size_t stride = 0;
  ConstRows() = default;
  ConstRows(const u64* first, std::size_t distance) : words(first), stride(distance) {}
  ConstRows(Rows rows) : words(rows.words), stride(rows.stride) {}  // NOLINT: an implicit conversion is meant
  const u64* operator[](std::size_t row) const { return words + row * stride; }
};

// A key in the engine's own form: times 2^60, split, with both polynomials side by side, and moved by the inverse of
// its element, so that a rotation moves its result instead of every digit.
class SwitchingKey {
 public:
  // `residues` has shape (parts, 2, primes, N), and at least level + 1 parts.
  SwitchingKey(const Ring& ring, u64 element, std::size_t level, const u64* residues);
  // From the words of another one, which the caller keeps.
  static SwitchingKey from_words(const Ring& ring, u64 element, std::size_t level, const u64* words);
  // How many these are.
  static std::size_t word_count(const Ring& ring, std::size_t level);

  std::size_t level() const { return level_; }
  // Null for the relinearisation key.
  const Permutation* permutation() const { return action_ ? &permutation_ : nullptr; }
  // The row of a part; `row` level + 1 is that of the special prime.
  const u64* row(std::size_t part, std::size_t row) const { return words_ + (row * (level_ + 1) + part) * stride_; }
  const u64* words() const { return words_; }
  // The memory that it takes; what its caller keeps doesn't count.
  std::size_t bytes() const { return own_.size() * sizeof(u64); }

 private:
  SwitchingKey(const Ring& ring, u64 element, std::size_t level);

  std::size_t level_;
  std::size_t stride_;
  std::shared_ptr<const GaloisAction> action_;
  Permutation permutation_;
  Buffer own_;
  const u64* words_ = nullptr;
};

// The evaluation keys of one key set. Keys may be added while threads use others.
class Keys {
 public:
  static constexpr u64 kRelinearisation = 0;

  explicit Keys(std::shared_ptr<const Ring> ring) : ring_(std::move(ring)) {}
  const Ring& ring() const { return *ring_; }
  // Throws std::invalid_argument for an element that is none or is there already, a level that the ring lacks, and
  // residues that aren't below their primes.
  void add(u64 element, std::size_t level, std::size_t parts, const u64* residues);
  // Adds the key whose words these are, as `SwitchingKey::words` gave them; the caller keeps them.
  // Throws std::invalid_argument as `add` does, and for another number of words.
  void add_words(u64 element, std::size_t level, std::size_t count, const u64* words);
  // Throws MissingKey.
  std::shared_ptr<const SwitchingKey> get(u64 element, std::size_t level) const;
  std::map<u64, std::size_t> levels() const;
  std::size_t bytes() const;

 private:
  void check(u64 element, std::size_t level) const;
  void insert(u64 element, SwitchingKey key);

  std::shared_ptr<const Ring> ring_;
  mutable std::mutex mutex_;
  std::map<u64, std::shared_ptr<const SwitchingKey>> keys_;
};

// Key switches at one level. *Extended* polynomials have a row for each data prime of the level and one for the
// special prime behind them, and are P times the value.
class KeySwitcher {
 public:
  KeySwitcher(const Ring& ring, std::size_t level, ScratchScope& scratch);

  std::size_t data_rows() const { return level_ + 1; }
  std::size_t prime_of(std::size_t row) const { return row <= level_ ? row : ring_.special(); }
  const Modulus& modulus_of(std::size_t row) const { return ring_.modulus(prime_of(row)); }

  // The digits of a polynomial in transformed form.
  void decompose(ConstRows polynomial);
  // The digits of an extended polynomial, divided by P.
  void divide_and_decompose(ConstRows extended);
  // Transforms all digits modulo the row's prime, for the products that follow. `own` is the row of the polynomial
  // that was decomposed, where it is at hand: the digit of the prime itself.
  void select_row(std::size_t row, const u64* own);
  // The selected row of digits times a key; the caller gives `scaled`, `added`, `output` and `out`. `scaled` is
  // multiplied by P.
  void multiply(const SwitchingKey& key, KeyProduct product) const;

 private:
  const Ring& ring_;
  std::size_t level_;
  std::size_t row_ = 0;
  Rows coefficients_;
  Rows digits_;
  std::vector<const u64*> digit_pointers_;
  std::vector<u64> scales_;  // P 2^60 mod q
};

enum class Quotient { plain, montgomery_split };

// Divides the first rows of a polynomial by the prime `from`, rounded; `from_row` is the polynomial modulo that prime.
// `out` is canonical, or times 2^60 and split. It may be `polynomial`.
void divide(const Ring& ring, std::size_t rows, ConstRows polynomial, std::size_t from, const u64* from_row, Rows out,
            Quotient quotient = Quotient::plain);

// Divides an extended polynomial at a level by P and by the level's prime at once, rounded: level rows are left.
void divide_twice(const Ring& ring, std::size_t level, ConstRows extended, Rows out);

}  // namespace blindsight
