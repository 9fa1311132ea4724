// The linked BLAS library's matrix product, called directly: for many products in parallel, each on one thread.
#ifndef CT_GEMM_H
#define CT_GEMM_H

#include <cstdint>

namespace ct {

/// Whether the library that libtorch was built with offers its products under the names of BLAS.
bool has_gemm() noexcept;

/// out[rows, columns] += alpha * left[depth, rows]^T right[depth, columns], all of them row by row in memory, each row
/// `..._step` elements after the one before: the form in which long thin factors run at nearly the peak.
///
/// Runs on one thread inside a parallel region. `beta` multiplies what is in `out`; with 0 it is not read.
template <class T>
void add_outer_products(
    int64_t rows, int64_t columns, int64_t depth, T alpha, const T *left, int64_t left_step, const T *right,
    int64_t right_step, T beta, T *out, int64_t out_step);

} // namespace ct

#endif
