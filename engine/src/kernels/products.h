// Sums of products of a path: of digits by keys, of rotations by weights, and of ciphertexts.
#pragma once
#include "kernels.h"
#include "ntt.h"

namespace blindsight::BLINDSIGHT_PATH {

struct Pair {
  Lanes first, second;
};

// How many products of residues an accumulator takes before it is reduced: high's 14 where p is near 2^60, twice as
// many with each bit less. Then sum / 2^60 + p is below 15 p.
inline std::size_t most_terms(const Modulus& modulus) {
  const int spare = kMostPrimeBits - modulus.bits;
  return std::size_t{14} << (spare < 20 ? spare : 20);
}

// Whether sum / 2^60 + p + p is below 4 p after so many products.
inline bool is_shallow(const Modulus& modulus, std::size_t terms) {
  const int spare = kMostPrimeBits - modulus.bits;
  return terms <= std::size_t{2} << (spare < 20 ? spare : 20);
}

// Two sums of products over all terms, / 2^60, below 15 p; below 3 p where `is_shallow`.
// `term(i, first, second)` adds a term to both accumulators.
template <class Term>
inline Pair sum_of_products(std::size_t terms, std::size_t most, const Prime& q, const Term& term) {
  constexpr std::size_t kChunk = Accumulator::kTermsBeforeCarry;
  Pair sum{Lanes::zero(), Lanes::zero()};
  for (std::size_t i = 0;;) {
    Accumulator first, second;
    const bool whole = terms <= most;
    const std::size_t stop = terms - i < most ? terms : i + most;
    for (std::size_t end = i; i < stop;) {
      end = stop - i < kChunk ? stop : i + kChunk;
      for (; i < end; ++i) term(i, first, second);
      if (i == stop) break;
      first.carry();
      second.carry();
    }
    const Pair part{first.reduced(q), second.reduced(q)};
    if (whole) return part;
    sum.first = reduce_once(sum.first + canonical(part.first, q), q.p);
    sum.second = reduce_once(sum.second + canonical(part.second, q), q.p);
    if (i == terms) return sum;
  }
}

// A sum of products, plus a residue, to [0, p).
template <bool kShallow>
inline Lanes canonical_sum(Lanes x, const Prime& q) {
  return kShallow ? canonical_from_4(x, q) : canonical(x, q);
}

inline void add_scaled(const KeyProduct& product, const Halves& scale, std::size_t j, Accumulator& first,
                       Accumulator& second) {
  first.add_product(scale, Halves::of_canonical(Lanes::load(product.scaled[0] + j)));
  if (product.scaled[1] != nullptr)
    second.add_product(scale, Halves::of_canonical(Lanes::load(product.scaled[1] + j)));
}

// kParts: the number of parts, known to the compiler, or 0.
template <KeyProduct::Output kOutput, bool kShallow, std::size_t kParts>
void key_product_as(const KeyProduct& product) {
  const Prime q(*product.modulus);
  const std::size_t most = most_terms(*product.modulus), parts = kParts == 0 ? product.parts : kParts;
  const Halves scale = Halves::of_canonical(Lanes::broadcast(product.scale));
  for (std::size_t j = 0; j < product.dimension; j += kLanes) {
    const auto add_part = [&](std::size_t i, Accumulator& first, Accumulator& second) {
      const Halves digit = Halves::of_split(Lanes::load(product.digits[i] + j));
      const u64* key = product.keys[i] + 2 * j;
      first.add_product(digit, Halves::of_split(Lanes::load(key)));
      second.add_product(digit, Halves::of_split(Lanes::load(key + kLanes)));
    };
    Pair sum{Lanes::zero(), Lanes::zero()};
    if constexpr (kParts == 0) {
      const std::size_t terms = parts + (product.scaled[0] != nullptr ? 1 : 0);
      sum = sum_of_products(terms, most, q, [&](std::size_t i, Accumulator& first, Accumulator& second) {
        if (i < parts)
          add_part(i, first, second);
        else
          add_scaled(product, scale, j, first, second);
      });
    } else {
      Accumulator first, second;
      for (std::size_t i = 0; i < kParts; ++i) add_part(i, first, second);
      if (product.scaled[0] != nullptr) add_scaled(product, scale, j, first, second);
      sum = {first.reduced(q), second.reduced(q)};
    }
    std::size_t out = j;
    if (product.added != nullptr) sum.first = sum.first + Lanes::load(product.added + j);
    sum = {canonical_sum<kShallow>(sum.first, q), canonical_sum<kShallow>(sum.second, q)};
    if (product.permutation != nullptr) {
      const u8 pattern = product.permutation->pattern[j / kLanes];
      sum = {permute(sum.first, pattern), permute(sum.second, pattern)};
      out = kLanes * product.permutation->destination[j / kLanes];
    }
    if constexpr (kOutput == KeyProduct::Output::split) sum = {split(sum.first), split(sum.second)};
    if constexpr (kOutput == KeyProduct::Output::accumulate)
      sum = {reduce_once(sum.first + Lanes::load(product.out[0] + out), q.p),
             reduce_once(sum.second + Lanes::load(product.out[1] + out), q.p)};
    sum.first.store(product.out[0] + out);
    sum.second.store(product.out[1] + out);
  }
}

template <KeyProduct::Output kOutput, bool kShallow>
void key_product_of(const KeyProduct& product) {
  switch (product.parts) {  // with `scaled`, no more terms than an accumulator takes before a carry
    case 1: return key_product_as<kOutput, kShallow, 1>(product);
    case 2: return key_product_as<kOutput, kShallow, 2>(product);
    case 3: return key_product_as<kOutput, kShallow, 3>(product);
    case 4: return key_product_as<kOutput, kShallow, 4>(product);
    case 5: return key_product_as<kOutput, kShallow, 5>(product);
    case 6: return key_product_as<kOutput, kShallow, 6>(product);
    default: return key_product_as<kOutput, kShallow, 0>(product);
  }
}

template <bool kShallow>
void key_product_with(const KeyProduct& product) {
  switch (product.output) {
    case KeyProduct::Output::split: return key_product_of<KeyProduct::Output::split, kShallow>(product);
    case KeyProduct::Output::canonical: return key_product_of<KeyProduct::Output::canonical, kShallow>(product);
    case KeyProduct::Output::accumulate: return key_product_of<KeyProduct::Output::accumulate, kShallow>(product);
  }
}

void key_product(const KeyProduct& product) {
  if (is_shallow(*product.modulus, product.parts + 1))
    key_product_with<true>(product);
  else
    key_product_with<false>(product);
}

// The block of all rotations, side by side: [four words][rotation][polynomial]. So the products below read one
// stream forwards, whatever the distance between rotations is.
inline void gather_block(const WeightedSums& sums) {
  for (std::size_t rotation = 0; rotation < sums.rotations; ++rotation) {
    const u64 *first = sums.inputs[0][rotation], *second = sums.inputs[1][rotation];
    u64* to = sums.scratch + 2 * kLanes * rotation;
    for (std::size_t j = 0; j < sums.words; j += kLanes, to += 2 * kLanes * sums.rotations) {
      Lanes::load(first + j).store(to);
      Lanes::load(second + j).store(to + kLanes);
    }
  }
}

template <bool kHalved, bool kShallow>
void weighted_sum(const WeightedSums& sums, std::size_t number, const u64* weights) {
  const Prime q(*sums.modulus);
  const std::size_t most = most_terms(*sums.modulus);
  const std::size_t terms = sums.begin[number + 1] - sums.begin[number];
  const u32* rotation = sums.rotation + sums.begin[number];
  const u64* block = sums.scratch;
  for (std::size_t j = 0; j < sums.words; j += kLanes, block += 2 * kLanes * sums.rotations) {
    const Pair sum = sum_of_products(terms, most, q, [&](std::size_t i, Accumulator& first, Accumulator& second) {
      const Halves weight = Halves::of_split(kHalved ? Lanes::load_doubled(weights) : Lanes::load(weights));
      weights += kHalved ? kLanes / 2 : kLanes;
      const u64* x = block + 2 * kLanes * rotation[i];
      first.add_product(weight, Halves::of_split(Lanes::load(x)));
      second.add_product(weight, Halves::of_split(Lanes::load(x + kLanes)));
    });
    canonical_sum<kShallow>(sum.first, q).store(sums.out[0][number] + j);
    canonical_sum<kShallow>(sum.second, q).store(sums.out[1][number] + j);
  }
}

template <bool kHalved>
void weighted_sums_as(const WeightedSums& sums) {
  const u64* weights = sums.weights;
  for (std::size_t number = 0; number < sums.sums; ++number) {
    const std::size_t terms = sums.begin[number + 1] - sums.begin[number];
    if (is_shallow(*sums.modulus, terms))
      weighted_sum<kHalved, true>(sums, number, weights);
    else
      weighted_sum<kHalved, false>(sums, number, weights);
    weights += terms * (kHalved ? sums.words / 2 : sums.words);
  }
}

void weighted_sums(const WeightedSums& sums) {
  gather_block(sums);
  if (sums.halved)
    weighted_sums_as<true>(sums);
  else
    weighted_sums_as<false>(sums);
}

void tensor_sums(const TensorSums& sums) {
  const Prime q(*sums.modulus);
  const std::size_t most = most_terms(*sums.modulus);
  for (std::size_t j = 0; j < sums.dimension; j += kLanes) {
    const auto x = [&](int polynomial, std::size_t i) { return Halves::of_split(Lanes::load(sums.x[polynomial][i] + j)); };
    const auto y = [&](int polynomial, std::size_t i) {
      return Halves::of_canonical(Lanes::load(sums.y[polynomial][i] + j));
    };
    const auto product = [&](int polynomial) {
      return sum_of_products(sums.terms, most, q, [&](std::size_t i, Accumulator& first, Accumulator& second) {
        const Halves factor = x(polynomial, i);
        first.add_product(factor, y(0, i));
        second.add_product(factor, y(1, i));
      });
    };
    const Pair outer = product(0), inner = product(1);
    canonical(outer.first, q).store(sums.out[0] + j);
    reduce_once(canonical(outer.second, q) + canonical(inner.first, q), q.p).store(sums.out[1] + j);
    canonical(inner.second, q).store(sums.out[2] + j);
  }
}

}  // namespace blindsight::BLINDSIGHT_PATH
