// One evaluation of a stage.
#pragma once
#include <memory>
#include <optional>
#include <vector>

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
  void walk_inputs();
  void keep_unrotated(std::size_t rotation, std::size_t row);
  void divide_rotations();
  void sum_products(std::size_t row);
  void sum_encrypted_products();
  void relinearise(const Rows (&products)[3], Pair out, const SwitchingKey& key, KeySwitcher& switcher) const;
  void add_giants(std::size_t target, Pair total);
  void add_rotations(Pair value, Pair total, const std::vector<Key>& keys);
  void add(Pair value, Pair total) const;
  void set_zero(Pair value) const;
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
  std::vector<std::optional<KeySwitcher>> hoisted_;  // the digits of each input that is rotated, unless chained
  u64* gathered_ = nullptr;  // a block of all rotations, or of all encrypted weights of a sum
  std::vector<Pair> rotations_;  // split; Montgomery and of data rows only, where weights are encrypted
  std::vector<Pair> sums_;       // canonical
};

}  // namespace blindsight
