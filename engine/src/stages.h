// A stage of a plan: sums of rotated inputs times weights, folds, biases, and a square.
#pragma once
#include <memory>
#include <vector>

#include "key_switching.h"

namespace blindsight {

// What a stage consists of; see the Python interface's documentation of `Stage`.
struct StageShape {
  struct Rotation {
    std::size_t source;
    u64 element;
  };
  struct Sum {
    std::size_t target;
    u64 element;
  };
  struct Term {
    std::size_t sum;
    std::size_t rotation;
    std::size_t weight;
  };

  std::size_t level = 0;
  std::vector<Rotation> rotations;
  std::vector<Sum> sums;
  std::vector<Term> terms;
  std::size_t weights = 0;
  std::vector<std::vector<u64>> fold_groups;
  std::size_t targets = 0;
  bool square = false;
  bool rescale_first = false;
  bool encrypted = false;
  // Rotations and sums are walked: each is made from the one before it in the list, or added to it.
  bool chained = false;
};

// A ciphertext's residues, shape (2, rows, N).
struct Ciphertext {
  std::size_t rows;
  Buffer words;
};

class Stage {
 public:
  // Words of a row that all sums are taken over before the next ones. Those of all rotations should fit the
  // second-level cache.
  static constexpr std::size_t kBlock = 512;
  static constexpr u64 kNoRotation = 1;

  // Throws std::invalid_argument for an index that is out of range, an element that is none, or an order that is wrong.
  Stage(std::shared_ptr<const Ring> ring, StageShape shape);

  // Weights and biases are set before the stage is run, each at most once.
  // A plaintext, shape (level + 1, N).
  void set_weight(std::size_t weight, const u64* residues);
  // A ciphertext, shape (2, level + 1, N), which the caller keeps. Its residues aren't checked.
  void set_encrypted_weight(std::size_t weight, const u64* residues);
  // A plaintext, shape (level + 1, N), or a ciphertext, shape (2, level + 1, N).
  void set_bias(std::size_t target, std::size_t polynomials, const u64* residues);

  const Ring& ring() const { return *ring_; }
  const StageShape& shape() const { return shape_; }
  std::size_t data_rows() const { return shape_.level + 1; }
  std::size_t sources() const { return sources_; }
  // Whether a rotation is made from the one before it, or a sum is added to it: in a chained stage, of one input or target.
  bool follows_rotation(std::size_t rotation) const;
  bool follows_sum(std::size_t sum) const;
  std::size_t bytes() const;

  // A ciphertext, shape (2, rows, N), with at least level + 1 rows.
  struct Input {
    const u64* words;
    std::size_t rows;
  };
  // Throws std::invalid_argument for inputs, and MissingKey.
  std::vector<Ciphertext> run(const Keys& keys, const std::vector<Input>& inputs) const;

 private:
  friend class StageRun;

  void check() const;
  std::size_t rows() const { return data_rows() + (extended_ ? 1 : 0); }
  std::size_t prime_of(std::size_t row) const { return row < data_rows() ? row : ring_->special(); }
  void check_residues(const char* name, std::size_t index, std::size_t polynomials, const u64* residues) const;
  void place_weight(std::size_t weight, std::size_t row, const u64* words);
  void undo_halving();
  void extend_weight(const u64* residues, u64* out) const;

  std::shared_ptr<const Ring> ring_;
  StageShape shape_;
  // Whether anything is rotated or relinearised, so that sums have a row for the special prime.
  bool extended_;
  std::size_t sources_ = 0;
  std::vector<u32> begin_;      // the first term of each sum, and one behind the last
  std::vector<u32> rotation_;   // of each term
  std::vector<std::vector<u32>> uses_;  // the terms of each weight
  Buffer stream_;               // [row][block][sum][four words][term]
  bool halved_ = true;          // two words of the stream stand for four
  bool placed_ = false;         // whether a weight is in the stream
  std::vector<const u64*> encrypted_;
  std::vector<Buffer> biases_;  // times P where extended
  std::vector<std::size_t> bias_polynomials_;
};

}  // namespace blindsight
