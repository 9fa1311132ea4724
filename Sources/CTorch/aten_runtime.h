// The operators that runtime.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_RUNTIME_H
#define CT_ATEN_RUNTIME_H

#pragma GCC system_header
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#endif
