#include "ring.h"

#include <algorithm>
#include <stdexcept>

namespace blindsight {
namespace {

const Kernels* kernels_of(const std::string& path) {
  if (path == "portable") return portable_kernels();
#ifdef BLINDSIGHT_X86
  if (path == "avx2") return avx2_kernels();
  if (path == "avx512") return avx512_kernels();
#endif
  return nullptr;
}

// Throws unless the primes are distinct, prime, within the kernels' bounds, and 1 modulo 2N.
void check_primes(int log_dimension, const std::vector<u64>& primes) {
  if (log_dimension < 6 || log_dimension > 17)
    throw std::invalid_argument("log_dimension " + std::to_string(log_dimension) + " isn't between 6 and 17");
  if (primes.size() < 2 || primes.size() > 64)
    throw std::invalid_argument("there are " + std::to_string(primes.size()) +
                                " primes; a ring takes 2 to 64, the special prime last");
  for (std::size_t i = 0; i < primes.size(); ++i) {
    const u64 p = primes[i];
    const std::string name = "primes[" + std::to_string(i) + "] = " + std::to_string(p);
    if (bit_length(p) < kLeastPrimeBits || bit_length(p) > kMostPrimeBits)
      throw std::invalid_argument(name + " doesn't have 23 to 60 bits");
    if (p % (u64{2} << log_dimension) != 1) throw std::invalid_argument(name + " isn't 1 modulo 2N");
    if (!is_prime(p)) throw std::invalid_argument(name + " isn't a prime");
    if (std::find(primes.begin(), primes.begin() + static_cast<std::ptrdiff_t>(i), p) !=
        primes.begin() + static_cast<std::ptrdiff_t>(i))
      throw std::invalid_argument(name + " is there twice");
  }
}

// The smallest primitive 2N-th root of 1 modulo p, which SEAL uses.
u64 smallest_root(u64 p, std::size_t dimension) {
  u64 root = 0;
  for (u64 base = 2; root == 0; ++base) {
    const u64 candidate = power_mod(base, (p - 1) / (2 * dimension), p);
    if (power_mod(candidate, dimension, p) == p - 1) root = candidate;
  }
  const Multiplier square = make_multiplier(multiply_mod(root, root, p), p);
  u64 smallest = root;
  for (std::size_t i = 1; i < dimension; ++i) {  // the primitive roots are the odd powers of any one
    root = multiply_mod(root, square, p);
    smallest = std::min(smallest, root);
  }
  return smallest;
}

// A table's entry of x: a word with Shoup's quotient, or a double.
void set_entry(u64 x, u64 p, u64& value, u64& quotient) {
  value = x;
  quotient = make_multiplier(x, p).quotient;
}
void set_entry(u64 x, u64 p, double& value, double& quotient) {
  value = x > p / 2 ? -static_cast<double>(p - x) : static_cast<double>(x);
  quotient = value / static_cast<double>(p);
}

// Powers of the root in bit-reversed order: values, and then quotients.
template <class Number>
void fill_powers(u64 root, u64 p, int log_dimension, Number* out) {
  const std::size_t n = std::size_t{1} << log_dimension;
  const Multiplier factor = make_multiplier(root, p);
  u64 power = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t place = reverse_bits(static_cast<u32>(i), log_dimension);
    set_entry(power, p, out[place], out[n + place]);
    power = multiply_mod(power, factor, p);
  }
}

// All tables of a root, in memory for 6 N numbers.
template <class Number>
RootTables<Number> make_root_tables(u64 root, u64 p, int log_dimension, Number* memory) {
  const std::size_t n = std::size_t{1} << log_dimension, quarter = n / 4;
  const u64 inverse = inverse_mod(root, p), inverse_dimension = inverse_mod(n, p);
  RootTables<Number> tables;
  fill_powers(root, p, log_dimension, memory);
  fill_powers(inverse, p, log_dimension, memory + 2 * n);
  Number* last = memory + 4 * n;
  for (std::size_t part = 0; part < 2; ++part) {  // values, quotients
    tables.roots[part] = memory + part * n;
    tables.inverse_roots[part] = memory + (2 + part) * n;
    for (std::size_t odd = 0; odd < 2; ++odd) {
      Number *forward = last, *back = last + quarter;
      last += 2 * quarter;
      for (std::size_t i = 0; i < quarter; ++i) {
        forward[i] = tables.roots[part][n / 2 + 2 * i + odd];
        back[i] = tables.inverse_roots[part][n / 2 + 2 * i + odd];
      }
      tables.last_roots[odd][part] = forward;
      tables.inverse_last_roots[odd][part] = back;
    }
  }
  // the last layer's inverse root is the root's power N/2, inverted
  const u64 last_root = power_mod(inverse, n / 2, p);
  set_entry(inverse_dimension, p, tables.inverse_dimension[0], tables.inverse_dimension[1]);
  set_entry(multiply_mod(inverse_dimension, last_root, p), p, tables.inverse_dimension_root[0],
            tables.inverse_dimension_root[1]);
  return tables;
}

}  // namespace

std::vector<std::string> runnable_paths() {
  std::vector<std::string> paths;
#ifdef BLINDSIGHT_X86
  // Which also say whether the operating system keeps the registers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) paths.emplace_back("avx512");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) paths.emplace_back("avx2");
#endif
  paths.emplace_back("portable");
  return paths;
}

Ring::Ring(int log_dimension, std::vector<u64> primes, const std::string& path)
    : log_dimension_(log_dimension), primes_(std::move(primes)) {
  check_primes(log_dimension, primes_);
  const std::vector<std::string> paths = runnable_paths();
  const std::string chosen = path.empty() ? paths.front() : path;
  if (std::find(paths.begin(), paths.end(), chosen) == paths.end())
    throw std::invalid_argument("path \"" + path + "\" can't run here; see paths()");
  kernels_ = kernels_of(chosen);
  for (u64 p : primes_) tables_.push_back(make_tables(p));
  for (u64 from : primes_)
    for (u64 to : primes_) {
      Relation relation;
      if (from != to) {
        relation.residue = make_multiplier(from % to, to);
        relation.inverse = make_multiplier(inverse_mod(from, to), to);
        relation.lift = make_lift(from, to);
      }
      relations_.push_back(relation);
    }
}

Ring::Tables Ring::make_tables(u64 p) const {
  const std::size_t n = dimension();
  const u64 root = smallest_root(p, n);
  Tables tables{Buffer(6 * n), {}, {}};
  NttTables& view = tables.view;
  view.modulus = make_modulus(p);
  view.log_dimension = log_dimension_;
  view.dimension = n;
  view.words = make_root_tables(root, p, log_dimension_, tables.words.data());
  view.in_doubles = view.modulus.bits <= kernels_->most_double_bits;
  if (view.in_doubles) {
    tables.doubles.resize(6 * n);
    view.doubles = make_root_tables(root, p, log_dimension_, tables.doubles.data());
  }
  return tables;
}

std::shared_ptr<const GaloisAction> Ring::action(u64 element) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<const GaloisAction>& action = actions_[element];
  if (action == nullptr) action = std::make_shared<const GaloisAction>(log_dimension_, element);
  return action;
}

void Ring::ntt(std::size_t prime, const u64* in, u64* out) const {
  kernels_->ntt(tables(prime), in, Lift::none(primes_[prime]), out, Form::canonical);
}

void Ring::inverse_ntt(std::size_t prime, const u64* in, u64* out) const {
  kernels_->inverse_ntt(tables(prime), in, out);
}

// Word i of a row is the value at the root's power 2 reversed(i) + 1, which the action takes to that power times the
// element: out[i] = in[source(i)]. The two lowest bits of i are the two highest of reversed(i), so four neighbours
// come from four neighbours.
GaloisAction::GaloisAction(int log_dimension, u64 element)
    : destination_((std::size_t{1} << log_dimension) / kLanes), pattern_(destination_.size()) {
  const u64 mask = (u64{1} << log_dimension) - 1;
  const auto source = [&](std::size_t i) {
    const u64 power = 2 * u64{reverse_bits(static_cast<u32>(i), log_dimension)} + 1;
    return std::size_t{reverse_bits(static_cast<u32>((element * power >> 1) & mask), log_dimension)};
  };
  for (std::size_t block = 0; block < destination_.size(); ++block) {
    const std::size_t from = source(kLanes * block) / kLanes;
    u32 pattern = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      pattern |= static_cast<u32>(source(kLanes * block + lane) % kLanes) << (2 * lane);
    destination_[from] = static_cast<u32>(block);
    pattern_[from] = static_cast<u8>(pattern);
  }
}

}  // namespace blindsight
