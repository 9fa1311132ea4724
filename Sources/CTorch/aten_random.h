// The operators that random.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_RANDOM_H
#define CT_ATEN_RANDOM_H

#pragma GCC system_header
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/bernoulli.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>

#endif
