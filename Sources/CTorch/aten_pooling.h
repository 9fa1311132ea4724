// What pooling.cpp needs of libtorch.
#ifndef CT_ATEN_POOLING_H
#define CT_ATEN_POOLING_H

#pragma GCC system_header
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#endif
