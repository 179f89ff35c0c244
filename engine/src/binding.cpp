// The Python module blindsight_engine._engine. It checks types and shapes; the classes check the rest.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bit_packing.h"
#include "expansion.h"
#include "key_switching.h"
#include "stages.h"

namespace nb = nanobind;
using namespace blindsight;

namespace {

using Residues = nb::ndarray<const u64, nb::numpy, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<const std::int64_t, nb::numpy, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& message) { throw nb::value_error(message.c_str()); }

std::string place(const char* name, std::size_t index) { return name + ("[" + std::to_string(index) + "]"); }

// Refuses an array of another shape; 0 stands for any length.
template <class Array>
void check_shape(const std::string& name, const Array& array, const std::vector<std::size_t>& expected) {
  bool same = array.ndim() == expected.size();
  for (std::size_t i = 0; same && i < expected.size(); ++i) same = expected[i] == 0 || array.shape(i) == expected[i];
  if (same) return;
  std::string found, wanted;
  for (std::size_t i = 0; i < array.ndim(); ++i) found += (i == 0 ? "" : ", ") + std::to_string(array.shape(i));
  for (std::size_t i = 0; i < expected.size(); ++i)
    wanted += (i == 0 ? "" : ", ") + (expected[i] == 0 ? std::string("any") : std::to_string(expected[i]));
  refuse(name + " has shape (" + found + ") where (" + wanted + ") was expected");
}

// One of Python's objects as an array of residues, not converted.
Residues residues_of(const std::string& name, nb::handle object) {
  Residues array;
  if (!nb::try_cast(object, array, false)) refuse(name + " isn't a C-contiguous NumPy array of uint64");
  return array;
}

// A NumPy array that owns the buffer.
nb::object to_numpy(Buffer buffer, const std::vector<std::size_t>& shape) {
  u64* words = buffer.data();
  nb::capsule owner(words, [](void* memory) noexcept { AlignedDelete()(static_cast<u64*>(memory)); });
  (void)buffer.release();
  return nb::cast(nb::ndarray<nb::numpy, u64>(words, shape.size(), shape.data(), owner));
}

// A row of indices, none of them negative.
std::vector<std::vector<u64>> rows_of(const char* name, const Indices& array, std::size_t columns) {
  check_shape(name, array, {0, columns});
  std::vector<std::vector<u64>> rows(array.shape(0), std::vector<u64>(columns));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t column = 0; column < columns; ++column) {
      const std::int64_t value = array.data()[i * columns + column];
      if (value < 0) refuse(place(name, i) + ": " + std::to_string(value) + " is negative");
      rows[i][column] = static_cast<u64>(value);
    }
  return rows;
}

nb::object transformed(const Ring& ring, std::size_t prime, const Residues& residues, bool inverse) {
  if (prime >= ring.primes().size()) refuse("there is no prime " + std::to_string(prime));
  check_shape("residues", residues, {ring.dimension()});
  if (!ring.kernels().all_below(ring.dimension(), residues.data(), ring.primes()[prime]))
    refuse("residues: one isn't below its prime");
  Buffer out(ring.dimension());
  {
    const nb::gil_scoped_release release;
    if (inverse)
      ring.inverse_ntt(prime, residues.data(), out.data());
    else
      ring.ntt(prime, residues.data(), out.data());
  }
  return to_numpy(std::move(out), {ring.dimension()});
}

nb::object expanded(const Ring& ring, const nb::bytes& seed, std::size_t count) {
  const std::size_t n = ring.dimension();
  if (seed.size() != kSeedBytes) refuse("seed has " + std::to_string(seed.size()) + " bytes, not 64");
  if (n % 512 != 0) refuse("the ring's dimension is " + std::to_string(n) + "; seeds are drawn from 512 on");
  if (count < 1 || count > ring.primes().size()) refuse("there aren't " + std::to_string(count) + " primes");
  const std::vector<u64> primes(ring.primes().begin(), ring.primes().begin() + static_cast<std::ptrdiff_t>(count));
  Buffer out(count * n);
  {
    const nb::gil_scoped_release release;
    expand(ring.kernels(), reinterpret_cast<const u8*>(seed.c_str()), n, primes, out.data());
  }
  return to_numpy(std::move(out), {count, n});
}

void add_key(Keys& keys, u64 element, std::size_t level, const Residues& residues) {
  check_shape("residues", residues, {0, 2, keys.ring().primes().size(), keys.ring().dimension()});
  const nb::gil_scoped_release release;
  keys.add(element, level, residues.shape(0), residues.data());
}

void add_key_words(Keys& keys, u64 element, std::size_t level, const Residues& words) {
  check_shape("words", words, {0});
  keys.add_words(element, level, words.shape(0), words.data());
}

// A view of a key's words, which keeps the keys.
nb::object words_of_key(nb::handle_t<Keys> self, u64 element) {
  const Keys& keys = nb::cast<const Keys&>(self);
  const std::shared_ptr<const SwitchingKey> key = keys.get(element, 0);
  const std::size_t count = SwitchingKey::word_count(keys.ring(), key->level());
  return nb::cast(nb::ndarray<nb::numpy, const u64>(key->words(), 1, &count, self));
}

// A stage, and the mapped files that its encrypted weights lie in.
struct PythonStage {
  Stage stage;
  std::vector<Residues> mapped;
};

StageShape shape_of(std::size_t level, const Indices& rotations, const Indices& sums, const Indices& terms) {
  StageShape shape;
  shape.level = level;
  for (const auto& row : rows_of("rotations", rotations, 2)) shape.rotations.push_back({row[0], row[1]});
  for (const auto& row : rows_of("sums", sums, 2)) shape.sums.push_back({row[0], row[1]});
  for (const auto& row : rows_of("terms", terms, 3)) shape.terms.push_back({row[0], row[1], row[2]});
  return shape;
}

// Weights are asked for one at a time, so that a sequence may encode each when it is read.
void set_weights(PythonStage& self, const nb::sequence& weights) {
  Stage& stage = self.stage;
  const std::size_t k = stage.data_rows(), n = stage.ring().dimension();
  for (std::size_t i = 0; i < stage.shape().weights; ++i) {
    const nb::object item = weights[i];
    const Residues weight = residues_of(place("weights", i), item);
    if (stage.shape().encrypted) {
      check_shape(place("weights", i), weight, {2, k, n});
      stage.set_encrypted_weight(i, weight.data());
      self.mapped.push_back(weight);
    } else {
      check_shape(place("weights", i), weight, {k, n});
      const nb::gil_scoped_release release;
      stage.set_weight(i, weight.data());
    }
  }
}

void set_biases(Stage& stage, const nb::sequence& biases) {
  const std::size_t k = stage.data_rows(), n = stage.ring().dimension();
  for (std::size_t target = 0; target < stage.shape().targets; ++target) {
    const nb::object item = biases[target];
    if (item.is_none()) continue;
    const Residues bias = residues_of(place("biases", target), item);
    if (bias.ndim() == 3)
      check_shape(place("biases", target), bias, {2, k, n});
    else
      check_shape(place("biases", target), bias, {k, n});
    stage.set_bias(target, bias.ndim() - 1, bias.data());
  }
}

void make_stage(PythonStage* self, std::shared_ptr<Ring> ring, std::size_t level, const Indices& rotations,
                const Indices& sums, const Indices& terms, const nb::sequence& weights,
                const std::vector<std::vector<u64>>& fold_groups, const nb::sequence& biases, bool square,
                bool rescale_first, bool encrypted, bool chained) {
  StageShape shape = shape_of(level, rotations, sums, terms);
  shape.weights = nb::len(weights);
  shape.fold_groups = fold_groups;
  shape.targets = nb::len(biases);
  shape.square = square;
  shape.rescale_first = rescale_first;
  shape.encrypted = encrypted;
  shape.chained = chained;
  auto stage = std::make_unique<PythonStage>(PythonStage{Stage(std::move(ring), std::move(shape)), {}});
  set_weights(*stage, weights);
  set_biases(stage->stage, biases);
  new (self) PythonStage(std::move(*stage));
}

nb::list run_stage(const PythonStage& self, const Keys& keys, const nb::sequence& inputs) {
  const std::size_t n = self.stage.ring().dimension();
  std::vector<Residues> arrays;  // hold the memory while Python's lock is released
  std::vector<Stage::Input> views;
  for (std::size_t i = 0; i < nb::len(inputs); ++i) {
    const nb::object item = inputs[i];
    arrays.push_back(residues_of(place("inputs", i), item));
    check_shape(place("inputs", i), arrays.back(), {2, 0, n});
    views.push_back({arrays.back().data(), arrays.back().shape(1)});
  }
  std::vector<Ciphertext> outputs;
  {
    const nb::gil_scoped_release release;
    outputs = self.stage.run(keys, views);
  }
  nb::list arrays_out;
  for (Ciphertext& output : outputs) {
    const std::size_t rows = output.rows;
    arrays_out.append(to_numpy(std::move(output.words), {2, rows, n}));
  }
  return arrays_out;
}

void check_bits(int bits) {
  if (bits < 1 || bits > 64) refuse("bits is " + std::to_string(bits) + ", not 1 to 64");
}

nb::object unpack(const nb::bytes& data, std::size_t count, int bits) {
  check_bits(bits);
  if (count > data.size() * 8 || packed_bytes(count, bits) != data.size())
    refuse("data has " + std::to_string(data.size()) + " bytes; " + std::to_string(count) + " residues of " +
           std::to_string(bits) + " bits take another number");
  Buffer out(count);
  {
    const nb::gil_scoped_release release;
    unpack_bits(reinterpret_cast<const u8*>(data.c_str()), count, bits, out.data());
  }
  return to_numpy(std::move(out), {count});
}

nb::bytes pack(const Residues& residues, int bits) {
  check_bits(bits);
  check_shape("residues", residues, {0});
  const std::size_t count = residues.shape(0);
  std::vector<u8> out(packed_bytes(count, bits));
  bool packed;
  {
    const nb::gil_scoped_release release;
    packed = pack_bits(residues.data(), count, bits, out.data());
  }
  if (!packed)
    refuse("residues: one needs more than " + std::to_string(bits) + " bits");
  return nb::bytes(out.data(), out.size());
}

template <class Values>
nb::tuple tuple_of(const Values& values) {
  nb::list list;
  for (const auto& value : values) list.append(nb::cast(value));
  return nb::tuple(list);
}

}  // namespace

NB_MODULE(_engine, m) {
  // What a process holds until it ends, such as a worker its plans, isn't lost.
  nb::set_leak_warnings(false);
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const MissingKey& missing) {
      PyErr_SetString(PyExc_KeyError, missing.what());
    }
  });

  m.def("paths", [] { return tuple_of(runnable_paths()); });
  m.def("pack", &pack, nb::arg("residues").noconvert(), nb::arg("bits"));
  m.def("unpack", &unpack, nb::arg("data"), nb::arg("count"), nb::arg("bits"));

  nb::class_<Ring>(m, "Ring")
      .def(nb::init<int, std::vector<u64>, std::string>(), nb::arg("log_dimension"), nb::arg("primes"),
           nb::arg("path") = "")
      .def_prop_ro("path", [](const Ring& ring) { return ring.kernels().name; })
      .def_prop_ro("dimension", &Ring::dimension)
      .def_prop_ro("primes", [](const Ring& ring) { return tuple_of(ring.primes()); })
      .def("ntt", [](const Ring& ring, std::size_t prime, const Residues& residues) {
             return transformed(ring, prime, residues, false);
           }, nb::arg("prime"), nb::arg("residues").noconvert())
      .def("inverse_ntt", [](const Ring& ring, std::size_t prime, const Residues& residues) {
             return transformed(ring, prime, residues, true);
           }, nb::arg("prime"), nb::arg("residues").noconvert())
      .def("expand", &expanded, nb::arg("seed"), nb::arg("count"));

  nb::class_<Keys>(m, "Keys")
      .def("__init__", [](Keys* self, std::shared_ptr<Ring> ring) { new (self) Keys(std::move(ring)); }, nb::arg("ring"))
      .def("add", &add_key, nb::arg("element"), nb::arg("level"), nb::arg("residues").noconvert())
      .def("add_words", &add_key_words, nb::arg("element"), nb::arg("level"), nb::arg("words").noconvert(),
           nb::keep_alive<1, 4>())
      .def("words", &words_of_key, nb::arg("element"))
      .def_prop_ro("elements", &Keys::levels)
      .def_prop_ro("bytes", &Keys::bytes);

  nb::class_<PythonStage>(m, "Stage")
      .def("__init__", &make_stage, nb::arg("ring"), nb::arg("level"), nb::arg("rotations").noconvert(),
           nb::arg("sums").noconvert(), nb::arg("terms").noconvert(), nb::arg("weights"), nb::arg("fold_groups"),
           nb::arg("biases"), nb::arg("square"), nb::arg("rescale_first"), nb::arg("encrypted") = false,
           nb::arg("chained") = false)
      .def("run", &run_stage, nb::arg("keys"), nb::arg("inputs"))
      .def_prop_ro("bytes", [](const PythonStage& self) { return self.stage.bytes(); });
}
