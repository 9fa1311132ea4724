// The base headers of libtorch. Its own warnings are not ours to mend, hence the pragma.
#ifndef CT_LIBTORCH_H
#define CT_LIBTORCH_H

#if !__has_include(<ATen/core/Tensor.h>)
#error "libtorch was not found: run `make setup`, or set LIBTORCH to a folder that holds include/ and lib/ (see README.md)"
#endif

#pragma GCC system_header
#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>

#endif
