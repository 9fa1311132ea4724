// The linked BLAS and LAPACK library, called directly: for many products in parallel, each on one thread.
#ifndef CK_LIBRARY_H
#define CK_LIBRARY_H

#include <cstdint>
#include <dlfcn.h>

namespace ck {

/// A function of the libraries of this process; null if none has that name.
///
/// Libtorch's builds contain different libraries of linear algebra and threads, or none, so nothing can be linked by
/// name.
template <class Function> Function symbol(const char *name) noexcept {
    return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

/// out[rows, columns] <- beta * out + alpha * left[depth, rows]^T right[depth, columns], all of them row by row in
/// memory, each row `..._step` elements after the one before: the form in which long thin factors run at nearly the
/// peak.
///
/// Runs on one thread inside a parallel region. With a `beta` of 0, `out` is not read.
template <class T>
void add_outer_products(
    int64_t rows, int64_t columns, int64_t depth, T alpha, const T *left, int64_t left_step, const T *right,
    int64_t right_step, T beta, T *out, int64_t out_step);

/// Replaces the lower triangle of a matrix by L, where the matrix is L L^T; gives the order of the first leading minor
/// that is not positive, or 0.
template <class T> int64_t factorize(T *matrix, int64_t n);

/// The routine trsm of BLAS, which counts by columns: right <- alpha * op(triangle)^-1 right, or the same from the
/// right.
template <class T>
void solve_triangular(
    char side, char triangle, char operation, int rows, int columns, const T *matrix, int step, T *right,
    int right_step);

} // namespace ck

#endif
