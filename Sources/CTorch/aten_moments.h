// What the second moments need of libtorch beside its tensors.
#ifndef CT_ATEN_MOMENTS_H
#define CT_ATEN_MOMENTS_H

#pragma GCC system_header
#include <ATen/Dispatch.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/diagonal.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#endif
