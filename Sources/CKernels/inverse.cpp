// Inverses of symmetric positive-definite matrices.
#include "include/CKernels.h"
#include "blocked_cholesky.h"
#include "library.h"
#include "symmetric_tiles.h"
#include "tasks.h"

namespace ck {
namespace {

// If there is no kernel of our own, or too little for it to do, the linked library.

/// A copy of a matrix with the damping on its diagonal.
template <class T> void copy_damped(const T *matrix, T damping, int64_t n, T *out) {
    std::copy_n(matrix, n * n, out);
    for (int64_t i = 0; i < n; ++i) out[i * n + i] += damping;
}

/// inverse <- L^-1, whose elements were zero: each panel of columns is a triangular system of its own.
template <class T> void invert_triangle(const Resources &resources, const T *lower, int64_t n, T *inverse) {
    int64_t width = n < 3000 ? 128 : 256;
    resources.for_each_task(quotient_up(n, width), [&](int64_t panel) {
        auto first = panel * width, columns = std::min(width, n - first);
        auto start = inverse + first * n + first;
        for (int64_t i = 0; i < columns; ++i) start[i * n + i] = 1;
        solve_triangular('R', 'U', 'N', columns, n - first, lower + first * n + first, n, start, n);
    });
}

/// out <- K^T K for a lower triangle K.
template <class T> void multiply_triangle(const Resources &resources, const T *triangle, int64_t n, T *out) {
    auto parts = lower_tiles(n, strip_height(n), 512);
    resources.for_each_task(parts.size(), [&](int64_t i) {
        // Rows of K above a tile's own are zero in its columns.
        const auto &part = parts[i];
        auto rows = triangle + part.row * n;
        add_outer_products<T>(
            part.rows, part.columns, n - part.row, 1, rows + part.row, n, rows + part.column, n, 0,
            out + part.row * n + part.column, n);
        mirror(part, out, n);
    });
}

template <class T>
void solve(const Resources &resources, const T *lower, int64_t n, T *x, int64_t count, bool are_rows) {
    auto at_a_time = std::max<int64_t>(1, quotient_up(count, resources.threads));
    resources.for_each_task(quotient_up(count, at_a_time), [&](int64_t task) {
        auto first = task * at_a_time, vectors = std::min(at_a_time, count - first);
        // By columns, L is the upper triangle U of a matrix U^T U, rows of x are columns, and columns are rows.
        for (auto operation : {'T', 'N'}) {
            if (are_rows) {
                solve_triangular('L', 'U', operation, n, vectors, lower, n, x + first * n, n);
            } else {
                auto other = operation == 'T' ? 'N' : 'T';
                solve_triangular('R', 'U', other, vectors, n, lower, n, x + first, count);
            }
        }
    });
}

/// The kernel for a matrix of n rows; null if the linked library is to factorise it.
template <class T> const PanelKernel<T> *blocked_kernel(const Resources &resources, int64_t n) {
    auto kernel = panel_kernel<T>(resources.register_bytes);
    return kernel && 2 * n >= kernel->width() ? kernel : nullptr;
}

template <class T>
int64_t invert(const Resources &resources, const T *matrix, T damping, int64_t n, T *out) {
    if (auto kernel = blocked_kernel<T>(resources, n)) {
        BlockedCholesky<T> cholesky(resources, *kernel, matrix, damping, n);
        if (cholesky.failure() == 0) cholesky.write_inverse(out);
        return cholesky.failure();
    }
    Memory<T> lower(resources, n * n);
    Zeros<T> triangle(resources, n * n);
    copy_damped(matrix, damping, n, lower.get());
    auto failure = factorize(lower.get(), n);
    if (failure != 0) return failure;
    invert_triangle(resources, lower.get(), n, triangle.get());
    multiply_triangle(resources, triangle.get(), n, out);
    return 0;
}

template <class T>
int64_t factorize_damped(const Resources &resources, const T *matrix, T damping, int64_t n, T *out) {
    if (auto kernel = blocked_kernel<T>(resources, n)) {
        BlockedCholesky<T> cholesky(resources, *kernel, matrix, damping, n);
        if (cholesky.failure() == 0) cholesky.write_factor(out);
        return cholesky.failure();
    }
    copy_damped(matrix, damping, n, out);
    auto failure = factorize(out, n);
    for (int64_t i = 0; i < n; ++i) std::fill(out + i * n + i + 1, out + (i + 1) * n, T(0));
    return failure;
}

} // namespace
} // namespace ck

using namespace ck;

bool ck_invert(
    const ck_resources *resources, ck_type type, const void *matrices, double damping, void *inverses, int64_t count,
    int64_t n, int64_t *failures) {
    if (n == 0) return true;
    return run(type, [&](auto zero) {
        using T = decltype(zero);
        Resources(*resources).for_each_group(count, [&](int64_t group, const Resources &resources) {
            auto first = group * n * n;
            failures[group] = invert<T>(
                resources, static_cast<const T *>(matrices) + first, T(damping), n, static_cast<T *>(inverses) + first);
        });
    });
}

bool ck_factorize(
    const ck_resources *resources, ck_type type, const void *matrix, double damping, void *lower, int64_t n,
    int64_t *failure) {
    return run(type, [&](auto zero) {
        using T = decltype(zero);
        *failure = factorize_damped<T>(
            Resources(*resources), static_cast<const T *>(matrix), T(damping), n, static_cast<T *>(lower));
    });
}

bool ck_cholesky_solve(
    const ck_resources *resources, ck_type type, const void *lower, int64_t n, void *x, int64_t count, bool are_rows) {
    return run(type, [&](auto zero) {
        using T = decltype(zero);
        solve(Resources(*resources), static_cast<const T *>(lower), n, static_cast<T *>(x), count, are_rows);
    });
}
