#include "library.h"
#include "include/CKernels.h"

#include <cmath>

namespace ck {
namespace {

/// The routines for elements of one type.
template <class T> struct Library {
    using Product = void (*)(
        const char *, const char *, const int *, const int *, const int *, const T *, const T *, const int *, const T *,
        const int *, const T *, T *, const int *);
    using Factorize = void (*)(const char *, const int *, T *, const int *, int *);
    using Solve = void (*)(
        const char *, const char *, const char *, const char *, const int *, const int *, const T *, const T *,
        const int *, T *, const int *);
    Product product;
    Factorize factorize;
    Solve solve;

    Library(const char *gemm, const char *potrf, const char *trsm)
        : product(symbol<Product>(gemm)), factorize(symbol<Factorize>(potrf)), solve(symbol<Solve>(trsm)) {}

    bool is_complete() const { return product && factorize && solve; }
};

template <class T> const Library<T> &library();
template <> const Library<float> &library() {
    static const Library<float> routines("sgemm_", "spotrf_", "strsm_");
    return routines;
}
template <> const Library<double> &library() {
    static const Library<double> routines("dgemm_", "dpotrf_", "dtrsm_");
    return routines;
}

} // namespace

template <class T>
void add_outer_products(
    int64_t rows, int64_t columns, int64_t depth, T alpha, const T *left, int64_t left_step, const T *right,
    int64_t right_step, T beta, T *out, int64_t out_step) {
    // BLAS counts by columns: our rows are its columns, so the roles of left and right change places.
    int m = columns, n = rows, k = depth, lda = right_step, ldb = left_step, ldc = out_step;
    library<T>().product("N", "T", &m, &n, &k, &alpha, right, &lda, left, &ldb, &beta, out, &ldc);
}

template <class T> int64_t factorize(T *matrix, int64_t n) {
    int order = n, status = 0;
    // A matrix by rows is its transpose by columns: the upper triangle there is the lower one here.
    library<T>().factorize("U", &order, matrix, &order, &status);
    for (int64_t i = 0; status == 0 && i < n; ++i)
        if (!std::isfinite(matrix[i * n + i])) return i + 1;
    return status;
}

template <class T>
void solve_triangular(
    char side, char triangle, char operation, int rows, int columns, const T *matrix, int step, T *right,
    int right_step) {
    T one = 1;
    library<T>().solve(&side, &triangle, &operation, "N", &rows, &columns, &one, matrix, &step, right, &right_step);
}

#define CK_INSTANTIATE(T) \
    template void add_outer_products( \
        int64_t, int64_t, int64_t, T, const T *, int64_t, const T *, int64_t, T, T *, int64_t); \
    template int64_t factorize(T *, int64_t); \
    template void solve_triangular(char, char, char, int, int, const T *, int, T *, int);
CK_INSTANTIATE(float)
CK_INSTANTIATE(double)

} // namespace ck

bool ck_has_library(void) { return ck::library<float>().is_complete() && ck::library<double>().is_complete(); }
