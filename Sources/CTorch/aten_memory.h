// The operators that memory_scope.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_MEMORY_H
#define CT_ATEN_MEMORY_H

#pragma GCC system_header
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/Allocator.h>

#endif
