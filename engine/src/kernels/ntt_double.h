// The transform in doubles of a path that has them, for primes below 2^52: on AVX2 about twice as fast as in words, whose
// products of 64 bits take ten of 32.
//
// Bounds, in units of p: a product of |x| <= B is at most 1/2 + B p / 2^53. So for p < 2^50 products of up to 8 p are
// at most p, and one reduction for two layers is enough. For p < 2^52 products of up to 2 p are at most 3/2 p, and
// values are reduced before each layer.
#pragma once
#include "residues_double.h"

namespace blindsight::BLINDSIGHT_PATH {

// Two layers of forward butterflies. kCareful: p may reach 2^52.
template <bool kCareful>
BLINDSIGHT_INLINE void forward_radix4(Doubles& a, Doubles& b, Doubles& c, Doubles& d, const DoubleFactor& outer,
                                      const DoubleFactor& inner_low, const DoubleFactor& inner_high,
                                      const DoublePrime& q) {
  a = reduced(a, q);
  if (kCareful) b = reduced(b, q);
  c = multiply(c, outer, q);
  d = multiply(d, outer, q);
  Doubles a1 = a + c, c1 = a - c;
  if (kCareful) {
    a1 = reduced(a1, q);
    c1 = reduced(c1, q);
  }
  const Doubles b1 = multiply(b + d, inner_low, q), d1 = multiply(b - d, inner_high, q);
  a = a1 + b1;
  b = a1 - b1;
  c = c1 + d1;
  d = c1 - d1;
}

template <bool kCareful, bool kWide>
void forward_first_pass_in_doubles(const NttTables& tables, const u64* in, const Lift& lift, u64* out) {
  const DoublePrime q(tables.modulus);
  const DoubleReader<kWide> read(lift, tables.modulus);
  const std::size_t half = tables.dimension / 2, quarter = half / 2;
  const auto& roots = tables.doubles.roots;
  const DoubleFactor w1 = DoubleFactor::broadcast(roots, 1), w2 = DoubleFactor::broadcast(roots, 2),
                     w3 = DoubleFactor::broadcast(roots, 3);
  if (tables.log_dimension % 2 != 0) {
    for (std::size_t j = 0; j < half; j += kWidth) {
      const Doubles a = reduced(read(in + j), q), b = multiply(read(in + half + j), w1, q);
      store(a + b, out + j);
      store(a - b, out + half + j);
    }
    return;
  }
  for (std::size_t j = 0; j < quarter; j += kWidth) {
    Doubles a = read(in + j), b = read(in + quarter + j), c = read(in + half + j), d = read(in + half + quarter + j);
    b = reduced(b, q);
    forward_radix4<kCareful>(a, b, c, d, w1, w2, w3, q);
    store(a, out + j);
    store(b, out + quarter + j);
    store(c, out + half + j);
    store(d, out + half + quarter + j);
  }
}

template <bool kCareful>
void forward_pass_in_doubles(const NttTables& tables, const Groups& groups, std::size_t quarter, u64* row) {
  const DoublePrime q(tables.modulus);
  const auto& roots = tables.doubles.roots;
  for (std::size_t group = groups.first; group < groups.first + groups.count; ++group) {
    const std::size_t at = groups.of_layer + group;
    const DoubleFactor outer = DoubleFactor::broadcast(roots, at);
    const DoubleFactor inner_low = DoubleFactor::broadcast(roots, 2 * at);
    const DoubleFactor inner_high = DoubleFactor::broadcast(roots, 2 * at + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kWidth) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Doubles a = load(pa), b = load(pb), c = load(pc), d = load(pd);
      forward_radix4<kCareful>(a, b, c, d, outer, inner_low, inner_high, q);
      store(a, pa);
      store(b, pb);
      store(c, pc);
      store(d, pd);
    }
  }
}

template <bool kCareful, Form kForm>
void forward_blocks_in_doubles(const NttTables& tables, std::size_t first, std::size_t count, u64* row) {
  const DoublePrime q(tables.modulus);
  const RootTables<double>& doubles = tables.doubles;
  const std::size_t blocks = tables.dimension / kBlock, quads = tables.dimension / 4;
  const auto finished = [&](Doubles x) {
    const Lanes word = canonical(x, q);
    return Doubles::of_bits(kForm == Form::split ? split(word) : word);
  };
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = row + kBlock * block;
    const std::size_t outer = blocks + block;
    Doubles a, b, c, d;
    load_blocks(x, a, b, c, d);
    forward_radix4<kCareful>(a, b, c, d, DoubleFactor::spread<1>(doubles.roots, outer),
                             DoubleFactor::spread<2>(doubles.roots, 2 * outer),
                             DoubleFactor::spread<2>(doubles.roots, 2 * outer + 1), q);
    store_blocks(x, a, b, c, d);
  }
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = row + kBlock * block;
    const std::size_t quad = 4 * block;
    Doubles a, b, c, d;
    load_blocks(x, a, b, c, d);
    transpose(a, b, c, d);
    forward_radix4<kCareful>(a, b, c, d, DoubleFactor::load(doubles.roots, quads + quad),
                             DoubleFactor::load(doubles.last_roots[0], quad),
                             DoubleFactor::load(doubles.last_roots[1], quad), q);
    a = finished(a);
    b = finished(b);
    c = finished(c);
    d = finished(d);
    transpose(a, b, c, d);
    store_blocks(x, a, b, c, d);
  }
}

template <bool kCareful>
void ntt_in_doubles(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (lift.bound >> 52 != 0)
    forward_first_pass_in_doubles<kCareful, true>(tables, in, lift, out);
  else
    forward_first_pass_in_doubles<kCareful, false>(tables, in, lift, out);
  forward_passes(
      tables,
      [&](const Groups& groups, std::size_t quarter) { forward_pass_in_doubles<kCareful>(tables, groups, quarter, out); },
      [&](std::size_t first, std::size_t count) {
        if (form == Form::split)
          forward_blocks_in_doubles<kCareful, Form::split>(tables, first, count, out);
        else
          forward_blocks_in_doubles<kCareful, Form::canonical>(tables, first, count, out);
      });
}

// Two layers of inverse butterflies, of values up to p; leaves values up to p.
template <bool kCareful>
BLINDSIGHT_INLINE void inverse_radix4(Doubles& a, Doubles& b, Doubles& c, Doubles& d, const DoubleFactor& outer,
                                      const DoubleFactor& inner_low, const DoubleFactor& inner_high,
                                      const DoublePrime& q) {
  Doubles s = a + b, t = multiply(a - b, inner_low, q);
  Doubles u = c + d, v = multiply(c - d, inner_high, q);
  if (kCareful) {
    s = reduced(s, q);
    t = reduced(t, q);
    u = reduced(u, q);
    v = reduced(v, q);
  }
  c = multiply(s - u, outer, q);
  d = multiply(t - v, outer, q);
  a = kCareful ? s + u : reduced(s + u, q);
  b = kCareful ? t + v : reduced(t + v, q);
}

template <bool kCareful>
void inverse_blocks_in_doubles(const NttTables& tables, std::size_t first, std::size_t count, const u64* in, u64* out) {
  const DoublePrime q(tables.modulus);
  const RootTables<double>& doubles = tables.doubles;
  const std::size_t blocks = tables.dimension / kBlock, quads = tables.dimension / 4;
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    const std::size_t quad = 4 * block;
    Lanes w, x, y, z;
    load_blocks(in + kBlock * block, w, x, y, z);
    transpose(w, x, y, z);
    Doubles a = to_double(w), b = to_double(x), c = to_double(y), d = to_double(z);
    inverse_radix4<kCareful>(a, b, c, d, DoubleFactor::load(doubles.inverse_roots, quads + quad),
                             DoubleFactor::load(doubles.inverse_last_roots[0], quad),
                             DoubleFactor::load(doubles.inverse_last_roots[1], quad), q);
    transpose(a, b, c, d);
    store_blocks(out + kBlock * block, a, b, c, d);
  }
  for (std::size_t block = first; block < first + count; block += kWidth / 4) {
    u64* x = out + kBlock * block;
    const std::size_t outer = blocks + block;
    Doubles a, b, c, d;
    load_blocks(x, a, b, c, d);
    inverse_radix4<kCareful>(a, b, c, d, DoubleFactor::spread<1>(doubles.inverse_roots, outer),
                             DoubleFactor::spread<2>(doubles.inverse_roots, 2 * outer),
                             DoubleFactor::spread<2>(doubles.inverse_roots, 2 * outer + 1), q);
    store_blocks(x, a, b, c, d);
  }
}

template <bool kCareful, bool kLast>
void inverse_pass_in_doubles(const NttTables& tables, const Groups& groups, std::size_t quarter, u64* row) {
  const DoublePrime q(tables.modulus);
  const auto& roots = tables.doubles.inverse_roots;
  const DoubleFactor scale = DoubleFactor::broadcast(tables.doubles.inverse_dimension);
  for (std::size_t group = groups.first; group < groups.first + groups.count; ++group) {
    const std::size_t at = groups.of_layer + group;
    const DoubleFactor outer = kLast ? DoubleFactor::broadcast(tables.doubles.inverse_dimension_root)
                                     : DoubleFactor::broadcast(roots, at);
    const DoubleFactor inner_low = DoubleFactor::broadcast(roots, 2 * at);
    const DoubleFactor inner_high = DoubleFactor::broadcast(roots, 2 * at + 1);
    u64* x = row + 4 * quarter * group;
    for (std::size_t j = 0; j < quarter; j += kWidth) {
      u64 *pa = x + j, *pb = pa + quarter, *pc = pb + quarter, *pd = pc + quarter;
      Doubles a = load(pa), b = load(pb), c = load(pc), d = load(pd);
      inverse_radix4<kCareful>(a, b, c, d, outer, inner_low, inner_high, q);
      if (kLast) {
        canonical(multiply(a, scale, q), q).store(pa);
        canonical(multiply(b, scale, q), q).store(pb);
        canonical(c, q).store(pc);
        canonical(d, q).store(pd);
      } else {
        store(a, pa);
        store(b, pb);
        store(c, pc);
        store(d, pd);
      }
    }
  }
}

inline void inverse_last_layer_in_doubles(const NttTables& tables, u64* row) {
  const DoublePrime q(tables.modulus);
  const std::size_t half = tables.dimension / 2;
  const DoubleFactor scale = DoubleFactor::broadcast(tables.doubles.inverse_dimension);
  const DoubleFactor root = DoubleFactor::broadcast(tables.doubles.inverse_dimension_root);
  for (std::size_t j = 0; j < half; j += kWidth) {
    const Doubles a = load(row + j), b = load(row + half + j);
    canonical(multiply(a + b, scale, q), q).store(row + j);
    canonical(multiply(a - b, root, q), q).store(row + half + j);
  }
}

template <bool kCareful>
void inverse_ntt_in_doubles(const NttTables& tables, const u64* in, u64* out) {
  inverse_passes(
      tables,
      [&](const Groups& groups, std::size_t quarter) {
        inverse_pass_in_doubles<kCareful, false>(tables, groups, quarter, out);
      },
      [&](std::size_t first, std::size_t count) { inverse_blocks_in_doubles<kCareful>(tables, first, count, in, out); });
  if (tables.log_dimension % 2 != 0)
    inverse_last_layer_in_doubles(tables, out);
  else
    inverse_pass_in_doubles<kCareful, true>(tables, {1, 0, 1}, tables.dimension / 4, out);
}

void ntt(const NttTables& tables, const u64* in, const Lift& lift, u64* out, Form form) {
  if (!tables.in_doubles) return ntt_in_words(tables, in, lift, out, form);
  if (tables.modulus.bits <= kMostLazyDoubleBits) return ntt_in_doubles<false>(tables, in, lift, out, form);
  ntt_in_doubles<true>(tables, in, lift, out, form);
}

void inverse_ntt(const NttTables& tables, const u64* in, u64* out) {
  if (!tables.in_doubles) return inverse_ntt_in_words(tables, in, out);
  if (tables.modulus.bits <= kMostLazyDoubleBits) return inverse_ntt_in_doubles<false>(tables, in, out);
  inverse_ntt_in_doubles<true>(tables, in, out);
}

}  // namespace blindsight::BLINDSIGHT_PATH
