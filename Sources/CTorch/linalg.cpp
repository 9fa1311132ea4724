#include "include/ct_linalg.h"
#include "aten_linalg.h"
#include "kernels.h"
#include "support.h"

using namespace ct;

ct_status ct_cholesky(ct_tensor matrix, ct_tensor *out) {
    return guarded([&] { *out = give(at::linalg_cholesky(borrow(matrix))); });
}

ct_status ct_cholesky_inverse(ct_tensor factor, ct_tensor *out) {
    return guarded([&] {
        auto lower = borrow(factor);
        *out = give(imagines() ? lower.clone() : at::cholesky_inverse(lower));
    });
}

ct_status ct_cholesky_solve(ct_tensor right, ct_tensor factor, ct_tensor *out) {
    return guarded([&] {
        auto b = borrow(right), lower = borrow(factor);
        if (imagines()) {
            *out = give(lower.matmul(b));
            return;
        }
        bool is_simple = ck_has_library() && b.dim() == 2 && lower.dim() == 2 && lower.is_contiguous() && b.device().is_cpu()
            && lower.device().is_cpu() && lower.size(0) == lower.size(1) && lower.size(0) == b.size(0)
            && b.numel() > 0 && b.scalar_type() == lower.scalar_type() && (b.scalar_type() == at::kFloat || b.scalar_type() == at::kDouble)
            && !b.requires_grad() && !lower.requires_grad();
        if (!is_simple) {
            *out = give(b.cholesky_solve(lower));
            return;
        }
        bool are_rows = b.t().is_contiguous() && !b.is_contiguous();
        auto x = are_rows ? b.t().clone() : b.clone(at::MemoryFormat::Contiguous);
        run_kernel([&](auto resources) {
            return ck_cholesky_solve(
                resources, kernel_type(b), lower.const_data_ptr(), lower.size(0), x.mutable_data_ptr(), b.size(1),
                are_rows);
        });
        *out = give(are_rows ? x.t() : x);
    });
}

ct_status ct_solve(ct_tensor matrix, ct_tensor right, ct_tensor *out) {
    return guarded([&] { *out = give(at::linalg_solve(borrow(matrix), borrow(right))); });
}

ct_status ct_solve_triangular(ct_tensor matrix, ct_tensor right, bool upper, ct_tensor *out) {
    return guarded([&] {
        auto triangle = borrow(matrix), b = borrow(right);
        *out = give(imagines() ? at::matmul(triangle, b) : at::linalg_solve_triangular(triangle, b, upper));
    });
}

ct_status ct_inverse(ct_tensor matrix, ct_tensor *out) {
    return guarded([&] { *out = give(at::linalg_inv(borrow(matrix))); });
}

ct_status ct_eigh(ct_tensor matrix, ct_tensor *eigenvalues, ct_tensor *eigenvectors) {
    return guarded([&] {
        auto [values, vectors] = at::linalg_eigh(borrow(matrix));
        *eigenvalues = give(values);
        *eigenvectors = give(vectors);
    });
}

ct_status ct_svd(ct_tensor matrix, ct_tensor *left, ct_tensor *values, ct_tensor *right_transposed) {
    return guarded([&] {
        auto [u, s, vt] = at::linalg_svd(borrow(matrix), /*full_matrices=*/false);
        *left = give(u);
        *values = give(s);
        *right_transposed = give(vt);
    });
}

ct_status ct_qr(ct_tensor matrix, ct_tensor *orthogonal, ct_tensor *triangular) {
    return guarded([&] {
        auto [q, r] = at::linalg_qr(borrow(matrix));
        *orthogonal = give(q);
        *triangular = give(r);
    });
}
