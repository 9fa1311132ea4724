#include "gemm.h"

#include <dlfcn.h>

namespace ct {

template <class T>
using Gemm = void (*)(
    const char *, const char *, const int *, const int *, const int *, const T *, const T *, const int *, const T *,
    const int *, const T *, T *, const int *);

template <class T> static Gemm<T> find(const char *name) { return reinterpret_cast<Gemm<T>>(dlsym(RTLD_DEFAULT, name)); }

static const Gemm<float> sgemm = find<float>("sgemm_");
static const Gemm<double> dgemm = find<double>("dgemm_");

bool has_gemm() noexcept { return sgemm && dgemm; }

template <class T>
static void call(
    Gemm<T> gemm, int64_t rows, int64_t columns, int64_t depth, T alpha, const T *left, int64_t left_step,
    const T *right, int64_t right_step, T beta, T *out, int64_t out_step) {
    // BLAS counts by columns: our rows are its columns, so the roles of left and right change places.
    int m = columns, n = rows, k = depth, lda = right_step, ldb = left_step, ldc = out_step;
    gemm("N", "T", &m, &n, &k, &alpha, right, &lda, left, &ldb, &beta, out, &ldc);
}

template <>
void add_outer_products(
    int64_t rows, int64_t columns, int64_t depth, float alpha, const float *left, int64_t left_step, const float *right,
    int64_t right_step, float beta, float *out, int64_t out_step) {
    call(sgemm, rows, columns, depth, alpha, left, left_step, right, right_step, beta, out, out_step);
}

template <>
void add_outer_products(
    int64_t rows, int64_t columns, int64_t depth, double alpha, const double *left, int64_t left_step,
    const double *right, int64_t right_step, double beta, double *out, int64_t out_step) {
    call(dgemm, rows, columns, depth, alpha, left, left_step, right, right_step, beta, out, out_step);
}

} // namespace ct
