// The functions that hand their work to libtorch, as one translation unit: they are short, and libtorch's headers,
// which all of them need, take seconds to read. The manifest excludes the single files, so that they are compiled only
// here.
#include "autograd.cpp"
#include "indexing.cpp"
#include "kernels.cpp"
#include "linalg.cpp"
#include "math.cpp"
#include "memory.cpp"
#include "moments.cpp"
#include "nn.cpp"
#include "random.cpp"
#include "runtime.cpp"
#include "tensor.cpp"
