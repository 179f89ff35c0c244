// A ring: Z[X]/(X^N + 1) modulo the primes of a chain, with the tables that kernels need.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "buffer.h"
#include "kernels/kernels.h"

namespace blindsight {

// A prime in terms of another one.
struct Relation {
  Multiplier residue;  // of the first prime modulo the second
  Multiplier inverse;  // of that
  Lift lift;           // a residue of the first prime, as a number modulo the second
};

// What a Galois element does to rows in the transformed, bit-reversed order.
class GaloisAction {
 public:
  // `element` is odd and below 2 N.
  GaloisAction(int log_dimension, u64 element);
  Permutation view() const { return {destination_.data(), pattern_.data()}; }

 private:
  std::vector<u32> destination_;
  std::vector<u8> pattern_;
};

class Ring {
 public:
  // `primes` as SEAL orders them, the special prime last. `path` is the name of one, or empty for the best.
  // Throws std::invalid_argument for primes or a path that can't be used.
  Ring(int log_dimension, std::vector<u64> primes, const std::string& path);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  std::size_t dimension() const { return std::size_t{1} << log_dimension_; }
  int log_dimension() const { return log_dimension_; }
  const std::vector<u64>& primes() const { return primes_; }
  // The number of the special prime, which keys are divided by. Data primes come before it.
  std::size_t special() const { return primes_.size() - 1; }
  const Kernels& kernels() const { return *kernels_; }
  const NttTables& tables(std::size_t prime) const { return tables_[prime].view; }
  const Modulus& modulus(std::size_t prime) const { return tables(prime).modulus; }
  const Relation& relation(std::size_t from, std::size_t to) const { return relations_[from * primes_.size() + to]; }

  // What an element does to rows. It is made once, however many key sets have a key for it; threads may ask at once.
  std::shared_ptr<const GaloisAction> action(u64 element) const;

  // A transform of one row; `in` may be `out`.
  void ntt(std::size_t prime, const u64* in, u64* out) const;
  void inverse_ntt(std::size_t prime, const u64* in, u64* out) const;

 private:
  struct Tables {
    Buffer words;
    std::vector<double> doubles;
    NttTables view;
  };
  Tables make_tables(u64 prime) const;

  int log_dimension_;
  std::vector<u64> primes_;
  const Kernels* kernels_;
  std::vector<Tables> tables_;
  std::vector<Relation> relations_;
  mutable std::mutex mutex_;
  mutable std::map<u64, std::shared_ptr<const GaloisAction>> actions_;
};

// The names of the paths that this processor can run, the fastest first.
std::vector<std::string> runnable_paths();

}  // namespace blindsight
