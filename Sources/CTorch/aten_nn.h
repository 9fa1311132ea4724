// The operators that nn.cpp calls, one header each: a tenth of the time that all of them take to compile.
#ifndef CT_ATEN_NN_H
#define CT_ATEN_NN_H

#pragma GCC system_header
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#endif
