// The operators that linalg.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_LINALG_H
#define CT_ATEN_LINALG_H

#pragma GCC system_header
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/matmul.h>

#endif
