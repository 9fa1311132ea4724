// The operators that autograd.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_AUTOGRAD_H
#define CT_ATEN_AUTOGRAD_H

#pragma GCC system_header
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/generated/Functions.h>
#include <torch/csrc/autograd/saved_variable.h>

#endif
