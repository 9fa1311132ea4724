#include "include/ct_linalg.h"
#include "aten_linalg.h"
#include "support.h"

using namespace ct;

kt_status kt_cholesky(kt_tensor matrix, kt_tensor *out) {
    return guarded([&] { *out = give(at::linalg_cholesky(borrow(matrix))); });
}

kt_status kt_cholesky_inverse(kt_tensor factor, kt_tensor *out) {
    return guarded([&] {
        auto lower = borrow(factor);
        *out = give(imagines() ? lower.clone() : at::cholesky_inverse(lower));
    });
}

kt_status kt_solve(kt_tensor matrix, kt_tensor right, kt_tensor *out) {
    return guarded([&] { *out = give(at::linalg_solve(borrow(matrix), borrow(right))); });
}

kt_status kt_solve_triangular(kt_tensor matrix, kt_tensor right, bool upper, kt_tensor *out) {
    return guarded([&] {
        auto triangle = borrow(matrix), b = borrow(right);
        *out = give(imagines() ? at::matmul(triangle, b) : at::linalg_solve_triangular(triangle, b, upper));
    });
}

kt_status kt_inverse(kt_tensor matrix, kt_tensor *out) {
    return guarded([&] { *out = give(at::linalg_inv(borrow(matrix))); });
}

kt_status kt_eigh(kt_tensor matrix, kt_tensor *eigenvalues, kt_tensor *eigenvectors) {
    return guarded([&] {
        auto [values, vectors] = at::linalg_eigh(borrow(matrix));
        *eigenvalues = give(values);
        *eigenvectors = give(vectors);
    });
}

kt_status kt_svd(kt_tensor matrix, kt_tensor *left, kt_tensor *values, kt_tensor *right_transposed) {
    return guarded([&] {
        auto [u, s, vt] = at::linalg_svd(borrow(matrix), /*full_matrices=*/false);
        *left = give(u);
        *values = give(s);
        *right_transposed = give(vt);
    });
}

kt_status kt_qr(kt_tensor matrix, kt_tensor *orthogonal, kt_tensor *triangular) {
    return guarded([&] {
        auto [q, r] = at::linalg_qr(borrow(matrix));
        *orthogonal = give(q);
        *triangular = give(r);
    });
}
