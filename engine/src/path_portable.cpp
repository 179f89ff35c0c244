// The kernels in plain C++.
