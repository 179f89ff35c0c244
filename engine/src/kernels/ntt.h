// The negacyclic number-theoretic transform of a path, for primes p = 1 mod 2N below 2^60: SEAL's order and roots.
//
// Cooley-Tukey butterflies forward and Gentleman-Sande butterflies back, reduced lazily (Harvey 2014; Longa and
// Naehrig, "Speeding up the NTT", 2016), two layers to a pass over memory. The last four layers work on blocks of 16
// words within registers, the last two of them on transposed ones. Bounds: forward, values are below 16 p between passes.
// `multiply` takes any word and leaves less than 4 p.
#pragma once
#include "passes.h"

namespace blindsight::BLINDSIGHT_PATH {

struct LiftLanes {
  Lanes threshold, addend;

  explicit LiftLanes(const Lift& lift)
      : threshold(Lanes::broadcast(lift.threshold)), addend(Lanes::broadcast(lift.addend)) {}
  BLINDSIGHT_INLINE Lanes operator()(Lanes x) const { return add_where_greater(x, threshold, addend); }
};

// x in [0, 16p) to [0, p).
template <class Words>
BLINDSIGHT_INLINE Words canonical(Words x, const Prime& q) {
  return reduce_once(reduce_once(reduce_once(reduce_once(x, q.p8), q.p4), q.p2), q.p);
}

// x in [0, 4p) to [0, p).
template <class Words>
BLINDSIGHT_INLINE Words canonical_from_4(Words x, const Prime& q) {
  return reduce_once(reduce_once(x, q.p2), q.p);
}

// Two layers of forward butterflies on a, b, c, d; a and b below 8 p. Leaves less than 16 p.
BLINDSIGHT_INLINE void forward_radix4(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Factor& outer,
                                      const Factor& inner_low, const Factor& inner_high,
                                      const Prime& q) {
  c = multiply(c, outer, q);
  d = multiply(d, outer, q);
  const Lanes a1 = a + c, c1 = a - c + q.p4;
  const Lanes b1 = multiply(b + d, inner_low, q), d1 = multiply(b - d + q.p4, inner_high, q);
  a = a1 + b1;
  b = a1 - b1 + q.p4;
  c = c1 + d1;
  d = c1 - d1 + q.p4;
}

// The first pass: one layer where the number of layers is odd, else two. `in` is lifted, and reduced if need be.
template <bool kReduce>
void forward_first_pass(const NttTables& tables, const u64* in, const Lift& lift, u64* out) {
  const Prime q(tables.modulus);
  const Factor one = Factor::broadcast(tables.modulus.one);
  const LiftLanes lifted(lift);
  const auto read = [&](const u64* words) {
    const Lanes x = lifted(Lanes::load(words));
    return kReduce ? multiply(x, one, q) : reduce_once(x, q.p8);
  };
  const auto root = [&](std::size_t i) { return Factor::broadcast(tables.words.roots[0][i], tables.words.roots[1][i]); };
  const std::size_t half = tables.dimension / 2, quarter = half / 2;
  const Factor w1 = root(1), w2 = root(2), w3 = root(3);
  if (tables.log_dimension % 2 != 0) {
    for (std::size_t j = 0; j < half; j += kWidth) {
      const Lanes a = read(in + j), b = multiply(lifted(Lanes::load(in + half + j)), w1, q);
      (a + b).store(out + j);
      (a - b + q.p4).store(out + half + j);
    }
    return;
  }
  for (std::size_t j = 0; j < quarter; j += kWidth) {
    Lanes a = read(in + j), b = read(in + quarter + j);
    Lanes c = lifted(Lanes::load(in + half + j)), d = lifted(Lanes::load(in + half + quarter + j));
    forward_radix4(a, b, c, d, w1, w2, w3, q);
    a.store(out + j);
    b.store(out + quarter + j);
    c.store(out + half + j);
    d.store(out + half + quarter + j);
  }
}

// Layers `of_layer` and 2 `of_layer` on groups of 4 `quarter` words.
inline void forward_pass(const NttTables& tables, const Groups& groups, std::size_t quarter, u64* row) {
  const Prime q(tables.modulus);
  const auto root = [&](std::size_t i) { return Factor::broadcast(tables.words.roots[0][i], tables.words.roots[1][i]); };
  for (std::size_t group = groups.first; group < groups.first + groups.count; ++group) {
    const std::size_t at = groups.of_layer + group;
    const Factor outer = root(at), inner_low = root(2 * at), inner_high = root(2 * at + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kWidth) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Lanes a = reduce_once(Lanes::load(pa), q.p8), b = reduce_once(Lanes::load(pb), q.p8);
      Lanes c = Lanes::load(pc), d = Lanes::load(pd);
      forward_radix4(a, b, c, d, outer, inner_low, inner_high, q);
      a.store(pa);
      b.store(pb);
      c.store(pc);
      d.store(pd);
    }
  }
}

// The last four layers of some blocks, canonical at the end.
template <Form kForm>
void forward_blocks(const NttTables& tables, std::size_t first, std::size_t count, u64* row) {
  const Prime q(tables.modulus);
  const RootTables<u64>& words = tables.words;
  const u64* const(&roots)[2] = words.roots;
  const std::size_t blocks = tables.dimension / kBlock, quads = tables.dimension / 4;
  const auto finished = [&](Lanes x) {
    x = canonical(x, q);
    return kForm == Form::split ? split(x) : x;
  };
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = row + kBlock * block;
    const std::size_t outer = blocks + block;
    Lanes a, b, c, d;
    load_blocks(x, a, b, c, d);
    a = reduce_once(a, q.p8);
    b = reduce_once(b, q.p8);
    forward_radix4(a, b, c, d, Factor::spread<1>(roots[0] + outer, roots[1] + outer),
                   Factor::spread<2>(roots[0] + 2 * outer, roots[1] + 2 * outer),
                   Factor::spread<2>(roots[0] + 2 * outer + 1, roots[1] + 2 * outer + 1), q);
    store_blocks(x, a, b, c, d);
  }
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = row + kBlock * block;
    const std::size_t quad = 4 * block;
    Lanes a, b, c, d;
    load_blocks(x, a, b, c, d);
    transpose(a, b, c, d);
    a = reduce_once(a, q.p8);
    b = reduce_once(b, q.p8);
    forward_radix4(a, b, c, d, Factor::load(roots[0] + quads + quad, roots[1] + quads + quad),
                   Factor::load(words.last_roots[0][0] + quad, words.last_roots[0][1] + quad),
                   Factor::load(words.last_roots[1][0] + quad, words.last_roots[1][1] + quad), q);
    a = finished(a);
    b = finished(b);
    c = finished(c);
    d = finished(d);
    transpose(a, b, c, d);
    store_blocks(x, a, b, c, d);
  }
}

// Whether a number below the bound must be reduced before a pass.
inline bool must_reduce(u64 bound, const Modulus& modulus) { return bound / 16 >= modulus.value; }

inline void ntt_in_words(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (must_reduce(lift.bound, tables.modulus))
    forward_first_pass<true>(tables, in, lift, out);
  else
    forward_first_pass<false>(tables, in, lift, out);
  forward_passes(
      tables, [&](const Groups& groups, std::size_t quarter) { forward_pass(tables, groups, quarter, out); },
      [&](std::size_t first, std::size_t count) {
        if (form == Form::split)
          forward_blocks<Form::split>(tables, first, count, out);
        else
          forward_blocks<Form::canonical>(tables, first, count, out);
      });
}

// Two layers of inverse butterflies on values below 4 p: a's sum below 16 p, b's below 8 p, c and d below 4 p.
BLINDSIGHT_INLINE void inverse_radix4(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Factor& outer,
                                      const Factor& inner_low, const Factor& inner_high,
                                      const Prime& q) {
  const Lanes s = a + b, t = multiply(a - b + q.p4, inner_low, q);
  const Lanes u = c + d, v = multiply(c - d + q.p4, inner_high, q);
  a = s + u;
  b = t + v;
  c = multiply(s - u + q.p8, outer, q);
  d = multiply(t - v + q.p4, outer, q);
}

// To below 4 p, as the next pass takes them.
inline void reduce_sums(Lanes& a, Lanes& b, const Prime& q) {
  a = reduce_once(reduce_once(a, q.p8), q.p4);
  b = reduce_once(b, q.p4);
}

// The first four layers of some blocks.
inline void inverse_blocks(const NttTables& tables, std::size_t first, std::size_t count, const u64* in, u64* out) {
  const Prime q(tables.modulus);
  const RootTables<u64>& words = tables.words;
  const u64* const(&roots)[2] = words.inverse_roots;
  const std::size_t blocks = tables.dimension / kBlock, quads = tables.dimension / 4;
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    const std::size_t quad = 4 * block;
    Lanes a, b, c, d;
    load_blocks(in + kBlock * block, a, b, c, d);
    transpose(a, b, c, d);
    inverse_radix4(a, b, c, d, Factor::load(roots[0] + quads + quad, roots[1] + quads + quad),
                   Factor::load(words.inverse_last_roots[0][0] + quad, words.inverse_last_roots[0][1] + quad),
                   Factor::load(words.inverse_last_roots[1][0] + quad, words.inverse_last_roots[1][1] + quad), q);
    reduce_sums(a, b, q);
    transpose(a, b, c, d);
    store_blocks(out + kBlock * block, a, b, c, d);
  }
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = out + kBlock * block;
    const std::size_t outer = blocks + block;
    Lanes a, b, c, d;
    load_blocks(x, a, b, c, d);
    inverse_radix4(a, b, c, d, Factor::spread<1>(roots[0] + outer, roots[1] + outer),
                   Factor::spread<2>(roots[0] + 2 * outer, roots[1] + 2 * outer),
                   Factor::spread<2>(roots[0] + 2 * outer + 1, roots[1] + 2 * outer + 1), q);
    reduce_sums(a, b, q);
    store_blocks(x, a, b, c, d);
  }
}

// Layers 2 `of_layer` and `of_layer` on groups of 4 `quarter` words; kLast: the transform's last ones, which divide by N.
template <bool kLast>
void inverse_pass(const NttTables& tables, const Groups& groups, std::size_t quarter, u64* row) {
  const Prime q(tables.modulus);
  const RootTables<u64>& words = tables.words;
  const auto root = [&](std::size_t i) { return Factor::broadcast(words.inverse_roots[0][i], words.inverse_roots[1][i]); };
  const Factor scale = Factor::broadcast(words.inverse_dimension[0], words.inverse_dimension[1]);
  for (std::size_t group = groups.first; group < groups.first + groups.count; ++group) {
    const std::size_t at = groups.of_layer + group;
    const Factor outer =
        kLast ? Factor::broadcast(words.inverse_dimension_root[0], words.inverse_dimension_root[1]) : root(at);
    const Factor inner_low = root(2 * at), inner_high = root(2 * at + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kWidth) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Lanes a = Lanes::load(pa), b = Lanes::load(pb), c = Lanes::load(pc), d = Lanes::load(pd);
      inverse_radix4(a, b, c, d, outer, inner_low, inner_high, q);
      if (kLast) {
        a = canonical_from_4(multiply(a, scale, q), q);
        b = canonical_from_4(multiply(b, scale, q), q);
        c = canonical_from_4(c, q);
        d = canonical_from_4(d, q);
      } else {
        reduce_sums(a, b, q);
      }
      a.store(pa);
      b.store(pb);
      c.store(pc);
      d.store(pd);
    }
  }
}

// The last layer where the number of layers is odd.
inline void inverse_last_layer(const NttTables& tables, u64* row) {
  const Prime q(tables.modulus);
  const std::size_t half = tables.dimension / 2;
  const Factor scale = Factor::broadcast(tables.words.inverse_dimension[0], tables.words.inverse_dimension[1]);
  const Factor root = Factor::broadcast(tables.words.inverse_dimension_root[0], tables.words.inverse_dimension_root[1]);
  for (std::size_t j = 0; j < half; j += kWidth) {
    const Lanes a = Lanes::load(row + j), b = Lanes::load(row + half + j);
    canonical_from_4(multiply(a + b, scale, q), q).store(row + j);
    canonical_from_4(multiply(a - b + q.p4, root, q), q).store(row + half + j);
  }
}

inline void inverse_ntt_in_words(const NttTables& tables, const u64* in, u64* out) {
  inverse_passes(
      tables, [&](const Groups& groups, std::size_t quarter) { inverse_pass<false>(tables, groups, quarter, out); },
      [&](std::size_t first, std::size_t count) { inverse_blocks(tables, first, count, in, out); });
  if (tables.log_dimension % 2 != 0)
    inverse_last_layer(tables, out);
  else
    inverse_pass<true>(tables, {1, 0, 1}, tables.dimension / 4, out);
}

}  // namespace blindsight::BLINDSIGHT_PATH
