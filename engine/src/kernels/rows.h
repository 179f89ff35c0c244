// Loops of a path over one row or two, word by word.
#pragma once
#include "kernels.h"
#include "ntt.h"

namespace blindsight::BLINDSIGHT_PATH {

template <Form kForm>
inline void store_as(Lanes x, u64* out) {
  (kForm == Form::split ? split(x) : x).store(out);
}

template <Form kForm, bool kReduce>
void subtract_multiply_as(const Modulus& modulus, std::size_t size, const u64* x, const u64* y, const Lift& lift,
                          const Multiplier& multiplier, u64* out) {
  const Prime q(modulus);
  const LiftLanes lifted(lift);
  const Factor factor = Factor::broadcast(multiplier), one = Factor::broadcast(modulus.one);
  for (std::size_t j = 0; j < size; j += kWidth) {
    const Lanes lifted_y = lifted(Lanes::load(y + j));
    const Lanes below_8p = kReduce ? multiply(lifted_y, one, q) : reduce_once(lifted_y, q.p8);
    const Lanes difference = Lanes::load(x + j) - below_8p + q.p8;
    store_as<kForm>(canonical_from_4(multiply(difference, factor, q), q), out + j);
  }
}

template <Form kForm>
void subtract_multiply_in(const Modulus& modulus, std::size_t size, const u64* x, const u64* y, const Lift& lift,
                          const Multiplier& multiplier, u64* out) {
  if (must_reduce(lift.bound, modulus))
    subtract_multiply_as<kForm, true>(modulus, size, x, y, lift, multiplier, out);
  else
    subtract_multiply_as<kForm, false>(modulus, size, x, y, lift, multiplier, out);
}

void subtract_multiply(const Modulus& modulus, std::size_t size, const u64* x, const u64* y, const Lift& lift,
                       const Multiplier& multiplier, u64* out, Form form) {
  if (form == Form::split)
    subtract_multiply_in<Form::split>(modulus, size, x, y, lift, multiplier, out);
  else
    subtract_multiply_in<Form::canonical>(modulus, size, x, y, lift, multiplier, out);
}

void add_multiple(const Modulus& modulus, std::size_t size, const u64* x, const Lift& lift_x, const u64* y,
                  const Lift& lift_y, const Multiplier& multiplier, u64* out) {
  const Prime q(modulus);
  const LiftLanes lifted_x(lift_x), lifted_y(lift_y);
  const Factor factor = Factor::broadcast(multiplier), one = Factor::broadcast(modulus.one);
  for (std::size_t j = 0; j < size; j += kWidth) {
    const Lanes product = multiply(lifted_y(Lanes::load(y + j)), factor, q);
    (multiply(lifted_x(Lanes::load(x + j)), one, q) + product).store(out + j);
  }
}

void multiply_row(const Modulus& modulus, std::size_t size, const u64* x, const Multiplier& multiplier, u64* out,
                  Form form) {
  const Prime q(modulus);
  const Factor factor = Factor::broadcast(multiplier);
  for (std::size_t j = 0; j < size; j += kWidth) {
    const Lanes product = canonical_from_4(multiply(Lanes::load(x + j), factor, q), q);
    if (form == Form::split)
      store_as<Form::split>(product, out + j);
    else
      store_as<Form::canonical>(product, out + j);
  }
}

void split_row(std::size_t size, const u64* x, u64* out) {
  for (std::size_t j = 0; j < size; j += kWidth) split(Lanes::load(x + j)).store(out + j);
}

void add_rows(const Modulus& modulus, std::size_t size, const u64* x, const u64* y, u64* out) {
  const Prime q(modulus);
  for (std::size_t j = 0; j < size; j += kWidth)
    reduce_once(Lanes::load(x + j) + Lanes::load(y + j), q.p).store(out + j);
}

bool all_below(std::size_t size, const u64* x, u64 bound) {
  const Lanes largest = Lanes::broadcast(bound - 1), sign = Lanes::zero();
  bool below = true;
  for (std::size_t j = 0; j < size && below; j += kWidth) {
    const Lanes word = Lanes::load(x + j);
    below = !any_greater(word, largest) && !any_greater(sign, word);
  }
  return below;
}

}  // namespace blindsight::BLINDSIGHT_PATH
