// The kernels with AVX2 and FMA.
