// The Python module blindsight_engine._engine.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>
#include <vector>

namespace nb = nanobind;

// Stand-ins until the classes are here.
struct Ring {};
struct Keys {};
struct Stage {};

static nb::tuple paths() {
    nb::list found;
#ifdef BLINDSIGHT_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.append("avx2");
#endif
    found.append("portable");
    return nb::tuple(found);
}

NB_MODULE(_engine, m) {
    m.def("paths", &paths);
    nb::class_<Ring>(m, "Ring");
    nb::class_<Keys>(m, "Keys");
    nb::class_<Stage>(m, "Stage");
    m.def("pack", [] {});
    m.def("unpack", [] {});
}
