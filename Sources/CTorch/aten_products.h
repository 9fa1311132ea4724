// The operators that products.cpp replaces.
#ifndef CT_ATEN_PRODUCTS_H
#define CT_ATEN_PRODUCTS_H

#pragma GCC system_header
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/bmm_cpu_dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm_cpu_dispatch.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#endif
