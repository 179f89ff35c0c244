// The negacyclic number-theoretic transform of a path, for primes p = 1 mod 2N below 2^60: SEAL's order and roots.
//
// Cooley-Tukey butterflies forward and Gentleman-Sande butterflies back, reduced lazily (Harvey 2014; Longa and
// Naehrig, "Speeding up the NTT", 2016), two layers to a pass over memory. The last two layers, whose butterflies
// lie within a register, work on transposed registers. Bounds: forward, values are below 16 p between passes.
// `multiply` takes any word and leaves less than 4 p.
#pragma once
#include "kernels.h"

namespace blindsight::BLINDSIGHT_PATH {

struct LiftLanes {
  Lanes threshold, addend;

  explicit LiftLanes(const Lift& lift)
      : threshold(Lanes::broadcast(lift.threshold)), addend(Lanes::broadcast(lift.addend)) {}
  Lanes operator()(Lanes x) const { return x + (greater(x, threshold) & addend); }
};

// x in [0, 16p) to [0, p).
inline Lanes canonical(Lanes x, const Prime& q) {
  return reduce_once(reduce_once(reduce_once(reduce_once(x, q.p8), q.p4), q.p2), q.p);
}

// x in [0, 4p) to [0, p).
inline Lanes canonical_from_4(Lanes x, const Prime& q) { return reduce_once(reduce_once(x, q.p2), q.p); }


// Two layers of forward butterflies on a, b, c, d; a and b below 8 p. Leaves less than 16 p.
inline void forward_radix4(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Factor& outer, const Factor& inner_low,
                           const Factor& inner_high, const Prime& q) {
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
    for (std::size_t j = 0; j < half; j += kLanes) {
      const Lanes a = read(in + j), b = multiply(lifted(Lanes::load(in + half + j)), w1, q);
      (a + b).store(out + j);
      (a - b + q.p4).store(out + half + j);
    }
    return;
  }
  for (std::size_t j = 0; j < quarter; j += kLanes) {
    Lanes a = read(in + j), b = read(in + quarter + j);
    Lanes c = lifted(Lanes::load(in + half + j)), d = lifted(Lanes::load(in + half + quarter + j));
    forward_radix4(a, b, c, d, w1, w2, w3, q);
    a.store(out + j);
    b.store(out + quarter + j);
    c.store(out + half + j);
    d.store(out + half + quarter + j);
  }
}

// Layers `groups` and 2 `groups` on blocks of 4 `quarter` words.
inline void forward_pass(const NttTables& tables, std::size_t groups, std::size_t quarter, u64* row) {
  const Prime q(tables.modulus);
  const auto root = [&](std::size_t i) { return Factor::broadcast(tables.words.roots[0][i], tables.words.roots[1][i]); };
  for (std::size_t group = 0; group < groups; ++group) {
    const Factor outer = root(groups + group);
    const Factor inner_low = root(2 * (groups + group)), inner_high = root(2 * (groups + group) + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kLanes) {
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

// The last two layers, canonical at the end.
template <Form kForm>
void forward_last_pass(const NttTables& tables, u64* row) {
  const Prime q(tables.modulus);
  const RootTables<u64>& words = tables.words;
  const std::size_t quarter = tables.dimension / 4;
  const auto finished = [&](Lanes x) {
    x = canonical(x, q);
    return kForm == Form::split ? split(x) : x;
  };
  for (std::size_t group = 0; group < quarter; group += kLanes) {
    u64* x = row + 4 * group;
    Lanes a = Lanes::load(x), b = Lanes::load(x + 4), c = Lanes::load(x + 8), d = Lanes::load(x + 12);
    transpose(a, b, c, d);
    a = reduce_once(a, q.p8);
    b = reduce_once(b, q.p8);
    forward_radix4(a, b, c, d,
                   Factor::load(words.roots[0] + quarter + group, words.roots[1] + quarter + group),
                   Factor::load(words.last_roots[0][0] + group, words.last_roots[0][1] + group),
                   Factor::load(words.last_roots[1][0] + group, words.last_roots[1][1] + group), q);
    a = finished(a);
    b = finished(b);
    c = finished(c);
    d = finished(d);
    transpose(a, b, c, d);
    a.store(x);
    b.store(x + 4);
    c.store(x + 8);
    d.store(x + 12);
  }
}

// Whether a number below the bound must be reduced before a pass.
inline bool must_reduce(u64 bound, const Modulus& modulus) { return bound / 16 >= modulus.value; }

inline void ntt_in_words(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (must_reduce(lift.bound, tables.modulus))
    forward_first_pass<true>(tables, in, lift, out);
  else
    forward_first_pass<false>(tables, in, lift, out);
  const int first_layers = tables.log_dimension % 2 != 0 ? 1 : 2;
  std::size_t groups = std::size_t{1} << first_layers, quarter = tables.dimension >> (first_layers + 2);
  for (; quarter >= kLanes; groups *= 4, quarter /= 4) forward_pass(tables, groups, quarter, out);
  if (form == Form::split)
    forward_last_pass<Form::split>(tables, out);
  else
    forward_last_pass<Form::canonical>(tables, out);
}

// Two layers of inverse butterflies on values below 4 p: a's sum below 16 p, b's below 8 p, c and d below 4 p.
inline void inverse_radix4(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Factor& outer, const Factor& inner_low,
                           const Factor& inner_high, const Prime& q) {
  const Lanes s = a + b, t = multiply(a - b + q.p4, inner_low, q);
  const Lanes u = c + d, v = multiply(c - d + q.p4, inner_high, q);
  a = s + u;
  b = t + v;
  c = multiply(s - u + q.p8, outer, q);
  d = multiply(t - v + q.p4, outer, q);
}

inline void inverse_first_pass(const NttTables& tables, const u64* in, u64* out) {
  const Prime q(tables.modulus);
  const RootTables<u64>& words = tables.words;
  const std::size_t quarter = tables.dimension / 4;
  for (std::size_t group = 0; group < quarter; group += kLanes) {
    const u64* x = in + 4 * group;
    u64* y = out + 4 * group;
    Lanes a = Lanes::load(x), b = Lanes::load(x + 4), c = Lanes::load(x + 8), d = Lanes::load(x + 12);
    transpose(a, b, c, d);
    inverse_radix4(
        a, b, c, d, Factor::load(words.inverse_roots[0] + quarter + group, words.inverse_roots[1] + quarter + group),
        Factor::load(words.inverse_last_roots[0][0] + group, words.inverse_last_roots[0][1] + group),
        Factor::load(words.inverse_last_roots[1][0] + group, words.inverse_last_roots[1][1] + group), q);
    a = reduce_once(reduce_once(a, q.p8), q.p4);
    b = reduce_once(b, q.p4);
    transpose(a, b, c, d);
    a.store(y);
    b.store(y + 4);
    c.store(y + 8);
    d.store(y + 12);
  }
}

// Layers 2 `groups` and `groups` on blocks of 4 `quarter` words; kLast: the transform's last ones, which divide by N.
template <bool kLast>
void inverse_pass(const NttTables& tables, std::size_t groups, std::size_t quarter, u64* row) {
  const Prime q(tables.modulus);
  const auto root = [&](std::size_t i) { return Factor::broadcast(tables.words.inverse_roots[0][i], tables.words.inverse_roots[1][i]); };
  const Factor scale = Factor::broadcast(tables.words.inverse_dimension[0], tables.words.inverse_dimension[1]);
  for (std::size_t group = 0; group < groups; ++group) {
    const Factor outer = kLast ? Factor::broadcast(tables.words.inverse_dimension_root[0], tables.words.inverse_dimension_root[1]) : root(groups + group);
    const Factor inner_low = root(2 * (groups + group)), inner_high = root(2 * (groups + group) + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kLanes) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Lanes a = Lanes::load(pa), b = Lanes::load(pb), c = Lanes::load(pc), d = Lanes::load(pd);
      inverse_radix4(a, b, c, d, outer, inner_low, inner_high, q);
      if (kLast) {
        a = canonical_from_4(multiply(a, scale, q), q);
        b = canonical_from_4(multiply(b, scale, q), q);
        c = canonical_from_4(c, q);
        d = canonical_from_4(d, q);
      } else {
        a = reduce_once(reduce_once(a, q.p8), q.p4);
        b = reduce_once(b, q.p4);
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
  for (std::size_t j = 0; j < half; j += kLanes) {
    const Lanes a = Lanes::load(row + j), b = Lanes::load(row + half + j);
    canonical_from_4(multiply(a + b, scale, q), q).store(row + j);
    canonical_from_4(multiply(a - b + q.p4, root, q), q).store(row + half + j);
  }
}

inline void inverse_ntt_in_words(const NttTables& tables, const u64* in, u64* out) {
  inverse_first_pass(tables, in, out);
  std::size_t quarter = kLanes, groups = tables.dimension / 16;
  for (; groups >= 2; groups /= 4, quarter *= 4) inverse_pass<false>(tables, groups, quarter, out);
  if (groups == 1)
    inverse_pass<true>(tables, 1, quarter, out);
  else
    inverse_last_layer(tables, out);
}

}  // namespace blindsight::BLINDSIGHT_PATH
