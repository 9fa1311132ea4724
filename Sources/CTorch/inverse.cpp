// Inverses of symmetric positive-definite matrices.
#include "aten_moments.h"
#include "gemm.h"
#include "include/ct_linalg.h"
#include "include/ct_moments.h"
#include "interleave.h"
#include "support.h"
#include "symmetric_tiles.h"
#include "tasks.h"

#include <cmath>
#include <dlfcn.h>
#include <string>

namespace ct {
namespace {

template <class T> struct Lapack {
    using Factorize = void (*)(const char *, const int *, T *, const int *, int *);
    using Solve = void (*)(
        const char *, const char *, const char *, const char *, const int *, const int *, const T *, const T *,
        const int *, T *, const int *);
    Factorize factorize;
    Solve solve;

    Lapack(const char *potrf, const char *trsm)
        : factorize(reinterpret_cast<Factorize>(dlsym(RTLD_DEFAULT, potrf))),
          solve(reinterpret_cast<Solve>(dlsym(RTLD_DEFAULT, trsm))) {}
};

template <class T> const Lapack<T> &lapack();
template <> const Lapack<float> &lapack() {
    static const Lapack<float> routines("spotrf_", "strsm_");
    return routines;
}
template <> const Lapack<double> &lapack() {
    static const Lapack<double> routines("dpotrf_", "dtrsm_");
    return routines;
}

/// Replaces the lower triangle of a matrix by L, where the matrix is L L^T; the order of the first leading minor that
/// is not positive, or 0.
template <class T> int64_t factorize(T *matrix, int64_t n) {
    int order = n, status = 0;
    // A matrix by rows is its transpose by columns: the upper triangle there is the lower one here.
    lapack<T>().factorize("U", &order, matrix, &order, &status);
    for (int64_t i = 0; status == 0 && i < n; ++i)
        if (!std::isfinite(matrix[i * n + i])) return i + 1;
    return status;
}

/// inverse <- L^-1, whose elements were zero: each panel of columns is a triangular system of its own.
template <class T> void invert_triangle(const T *lower, int64_t n, T *inverse) {
    int64_t width = n < 3000 ? 128 : 256;
    for_each_task(quotient_up(n, width), [&](int64_t panel) {
        auto first = panel * width;
        int columns = std::min(width, n - first), rows = n - first, step = n;
        auto start = inverse + first * n + first;
        for (int64_t i = 0; i < columns; ++i) start[i * n + i] = 1;
        T one = 1;
        lapack<T>().solve("R", "U", "N", "N", &columns, &rows, &one, lower + first * n + first, &step, start, &step);
    });
}

/// out <- K^T K for a lower triangle K.
template <class T> void multiply_triangle(const T *triangle, int64_t n, T *out) {
    auto parts = lower_tiles(n, strip_height(n), 512);
    for_each_task(parts.size(), [&](int64_t i) {
        // Rows of K above a tile's own are zero in its columns.
        const auto &part = parts[i];
        auto rows = triangle + part.row * n;
        add_outer_products<T>(
            part.rows, part.columns, n - part.row, 1, rows + part.row, n, rows + part.column, n, 0,
            out + part.row * n + part.column, n);
        mirror(part, out, n);
    });
}

template <class T> void damped_inverse(const at::Tensor &matrix, double damping, at::Tensor &out) {
    auto groups = matrix.size(0), n = matrix.size(1);
    auto factor = empty(matrix.sizes(), out.options()).copy_(matrix);
    if (damping != 0) factor.diagonal(0, 1, 2).add_(damping);
    auto inverse = zeros(matrix.sizes(), out.options());
    std::vector<int64_t> failures(groups);
    T *factors = factor.mutable_data_ptr<T>(), *inverses = inverse.mutable_data_ptr<T>();
    T *results = out.mutable_data_ptr<T>();
    auto run = [&](int64_t group) {
        auto place = group * n * n;
        failures[group] = factorize(factors + place, n);
        if (failures[group] != 0) return;
        invert_triangle(factors + place, n, inverses + place);
        multiply_triangle(inverses + place, n, results + place);
    };
    if (n == 0) return;
    if (groups == 1) {
        run(0);
    } else {
        for_each_task(groups, run);
    }
    for (int64_t group = 0; group < groups; ++group)
        TORCH_CHECK_LINALG(
            failures[group] == 0, groups > 1 ? "matrix " + std::to_string(group) : "the matrix",
            " is not positive-definite: its leading minor of order ", failures[group], " is not");
}

/// x <- (L L^T)^-1 x for the vectors that are the rows of x, [count, n], or its columns, [n, count].
template <class T> void solve(const T *lower, int64_t n, T *x, int64_t count, bool are_rows) {
    const auto &routine = lapack<T>().solve;
    auto share = quotient_up(count, std::max<int64_t>(1, task_threads()));
    for_each_task(quotient_up(count, std::max<int64_t>(1, share)), [&](int64_t task) {
        auto first = task * share;
        int vectors = std::min(share, count - first), order = n, all = count;
        T one = 1;
        // By columns, L is the upper triangle U of a matrix U^T U, rows of x are columns, and columns are rows.
        if (are_rows) {
            routine("L", "U", "T", "N", &order, &vectors, &one, lower, &order, x + first * n, &order);
            routine("L", "U", "N", "N", &order, &vectors, &one, lower, &order, x + first * n, &order);
        } else {
            routine("R", "U", "N", "N", &vectors, &order, &one, lower, &order, x + first, &all);
            routine("R", "U", "T", "N", &vectors, &order, &one, lower, &order, x + first, &all);
        }
    });
}

} // namespace
} // namespace ct

using namespace ct;

kt_status kt_damped_inverse(kt_tensor matrix, double damping, kt_tensor *out) {
    return guarded([&] {
        auto source = borrow(matrix);
        if (imagines()) {
            *out = give(source.clone());
            return;
        }
        auto batch = source.dim() == 2 ? source.unsqueeze(0) : source;
        auto result = empty(batch.sizes(), source.options());
        AT_DISPATCH_FLOATING_TYPES(
            source.scalar_type(), "damped inverse", [&] { damped_inverse<scalar_t>(batch, damping, result); });
        *out = give(source.dim() == 2 ? result.squeeze(0) : result);
    });
}

kt_status kt_damped_cholesky(kt_tensor matrix, double damping, kt_tensor *out) {
    return guarded([&] {
        auto source = borrow(matrix);
        if (imagines()) {
            *out = give(source.clone());
            return;
        }
        auto factor = empty(source.sizes(), source.options()).copy_(source);
        if (damping != 0) factor.diagonal().add_(damping);
        AT_DISPATCH_FLOATING_TYPES(source.scalar_type(), "damped Cholesky factor", [&] {
            auto failure = factorize(factor.mutable_data_ptr<scalar_t>(), factor.size(0));
            TORCH_CHECK_LINALG(
                failure == 0, "the matrix is not positive-definite: its leading minor of order ", failure, " is not");
        });
        *out = give(factor.tril_());
    });
}

kt_status kt_cholesky_solve(kt_tensor right, kt_tensor factor, kt_tensor *out) {
    return guarded([&] {
        auto b = borrow(right), lower = borrow(factor);
        if (imagines()) {
            *out = give(lower.matmul(b));
            return;
        }
        bool is_simple = has_gemm() && b.dim() == 2 && lower.dim() == 2 && lower.is_contiguous() && b.device().is_cpu()
            && lower.device().is_cpu() && lower.size(0) == lower.size(1) && lower.size(0) == b.size(0)
            && b.numel() > 0 && b.scalar_type() == lower.scalar_type() && at::isFloatingType(b.scalar_type())
            && !b.requires_grad() && !lower.requires_grad();
        if (!is_simple) {
            *out = give(b.cholesky_solve(lower));
            return;
        }
        bool are_rows = b.t().is_contiguous() && !b.is_contiguous();
        auto x = are_rows ? b.t().clone() : b.clone(at::MemoryFormat::Contiguous);
        AT_DISPATCH_FLOATING_TYPES(b.scalar_type(), "Cholesky solve", [&] {
            solve(
                lower.const_data_ptr<scalar_t>(), lower.size(0), x.mutable_data_ptr<scalar_t>(), b.size(1), are_rows);
        });
        *out = give(are_rows ? x.t() : x);
    });
}
