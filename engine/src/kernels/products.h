// Sums of products of a path: of digits by keys, of rotations by weights, and of ciphertexts.
#pragma once
#include "ntt.h"

namespace blindsight::BLINDSIGHT_PATH {

// Words ahead of their use that streams of weights and keys are fetched: 8 KiB. They come from memory, once in a frame,
// and processors' own prefetching was measured to hide half of that at most.
constexpr std::size_t kWordsAhead = 1024;
// Words of a line of the caches.
constexpr std::size_t kLineWords = 8;

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

// The sums of both polynomials' products over all terms, / 2^60, below 15 p; below 3 p where `is_shallow`.
// `term(i, sum)` adds a term to the accumulator.
template <class Term>
inline Pair sum_of_products(std::size_t terms, std::size_t most, const Prime& q, const Term& term) {
  constexpr std::size_t kChunk = PairAccumulator::kTermsBeforeCarry;
  Pair total = Pair::zero();
  for (std::size_t i = 0;;) {
    PairAccumulator sum;
    const bool whole = terms <= most;
    const std::size_t stop = terms - i < most ? terms : i + most;
    for (std::size_t end = i; i < stop;) {
      end = stop - i < kChunk ? stop : i + kChunk;
      for (; i < end; ++i) term(i, sum);
      if (i == stop) break;
      sum.carry();
    }
    const Pair part = sum.reduced(q);
    if (whole) return part;
    total = reduce_once(total + canonical(part, q), q.p);
    if (i == terms) return total;
  }
}

// A sum of products, plus a residue, to [0, p).
template <bool kShallow>
inline Pair canonical_sum(const Pair& x, const Prime& q) {
  return kShallow ? canonical_from_4(x, q) : canonical(x, q);
}

// kParts: the number of parts, known to the compiler, or 0.
template <KeyProduct::Output kOutput, bool kShallow, std::size_t kParts>
void key_product_as(const KeyProduct& product) {
  const Prime q(*product.modulus);
  const std::size_t most = most_terms(*product.modulus), parts = kParts == 0 ? product.parts : kParts;
  const SharedHalves scale = SharedHalves::broadcast(product.scale);
  for (std::size_t j = 0; j < product.dimension; j += kLanes) {
    const auto add_part = [&](std::size_t i, PairAccumulator& sum) {
      const u64* key = product.keys[i] + 2 * j;
      __builtin_prefetch(key + kWordsAhead);
      sum.add_product(SharedHalves::load(product.digits[i] + j), PairHalves::of_split(Pair::load(key)));
    };
    const auto add_scaled = [&](PairAccumulator& sum) {
      const u64* const(&rows)[2] = product.scaled;
      const Pair scaled =
          rows[1] == nullptr ? Pair::load_first(rows[0] + j) : Pair::load(rows[0] + j, rows[1] + j);
      sum.add_product(scale, PairHalves::of_canonical(scaled));
    };
    Pair value = Pair::zero();
    if constexpr (kParts == 0) {
      const std::size_t terms = parts + (product.scaled[0] != nullptr ? 1 : 0);
      value = sum_of_products(terms, most, q, [&](std::size_t i, PairAccumulator& sum) {
        if (i < parts)
          add_part(i, sum);
        else
          add_scaled(sum);
      });
    } else {
      PairAccumulator sum;
      for (std::size_t i = 0; i < kParts; ++i) add_part(i, sum);
      if (product.scaled[0] != nullptr) add_scaled(sum);
      value = sum.reduced(q);
    }
    std::size_t out = j;
    if (product.added != nullptr) value = value + Pair::load_first(product.added + j);
    value = canonical_sum<kShallow>(value, q);
    if (product.permutation != nullptr) {
      value = permute(value, product.permutation->pattern[j / kLanes]);
      out = kLanes * product.permutation->destination[j / kLanes];
    }
    u64 *to_first = product.out[0] + out, *to_second = product.out[1] + out;
    if constexpr (kOutput == KeyProduct::Output::split) value = split(value);
    if constexpr (kOutput == KeyProduct::Output::accumulate)
      value = reduce_once(value + Pair::load(to_first, to_second), q.p);
    value.store(to_first, to_second);
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
    for (std::size_t j = 0; j < sums.words; j += kLanes, to += 2 * kLanes * sums.rotations)
      Pair::load(first + j, second + j).store(to);
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
    const Pair sum = sum_of_products(terms, most, q, [&](std::size_t i, PairAccumulator& accumulator) {
      __builtin_prefetch(weights + kWordsAhead);
      const SharedHalves weight = kHalved ? SharedHalves::load_doubled(weights) : SharedHalves::load(weights);
      weights += kHalved ? kLanes / 2 : kLanes;
      accumulator.add_product(weight, PairHalves::of_split(Pair::load(block + 2 * kLanes * rotation[i])));
    });
    canonical_sum<kShallow>(sum, q).store(sums.out[0][number] + j, sums.out[1][number] + j);
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

// A block of both polynomials of all y, side by side: [four words][term][polynomial]. Ciphertexts in a file are a power
// of two apart, so lines of several would share the sets of all caches. The next blocks of x and y are fetched meanwhile.
inline void gather_factors(const TensorSums& sums, std::size_t at) {
  for (std::size_t i = 0; i < sums.terms; ++i) {
    const u64 *first = sums.y[0][i] + at, *second = sums.y[1][i] + at;
    for (std::size_t j = 0; j < TensorSums::kBlock; j += kLanes)
      Pair::load(first + j, second + j).store(sums.scratch + 2 * (j * sums.terms + kLanes * i));
    for (const u64* next : {first, second, sums.x[0][i] + at, sums.x[1][i] + at})
      for (std::size_t j = 0; j < TensorSums::kBlock; j += kLineWords) __builtin_prefetch(next + TensorSums::kBlock + j);
  }
}

void tensor_sums(const TensorSums& sums) {
  const Prime q(*sums.modulus);
  const std::size_t most = most_terms(*sums.modulus);
  for (std::size_t j = 0; j < sums.dimension; j += kLanes) {
    const std::size_t in_block = j % TensorSums::kBlock;
    if (in_block == 0) gather_factors(sums, j);
    const u64* y = sums.scratch + 2 * in_block * sums.terms;
    const auto products = [&](int polynomial) {
      const auto add = [&](std::size_t i, PairAccumulator& sum) {
        sum.add_product(SharedHalves::load(sums.x[polynomial][i] + j),
                        PairHalves::of_canonical(Pair::load(y + 2 * kLanes * i)));
      };
      return canonical(sum_of_products(sums.terms, most, q, add), q);
    };
    products(0).store(sums.out[0] + j, sums.out[1] + j);
    reduce_once(products(1) + Pair::load_first(sums.out[1] + j), q.p).store(sums.out[1] + j, sums.out[2] + j);
  }
}

}  // namespace blindsight::BLINDSIGHT_PATH
