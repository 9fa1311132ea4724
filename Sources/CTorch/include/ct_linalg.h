#ifndef CT_LINALG_H
#define CT_LINALG_H

#include "ct_types.h"

CT_BEGIN

// Failures of the numbers (singular, not positive-definite, not converged) have the status CT_LINALG.
ct_status ct_cholesky(ct_tensor matrix, ct_tensor *out);
ct_status ct_cholesky_inverse(ct_tensor factor, ct_tensor *out);
ct_status ct_cholesky_solve(ct_tensor right, ct_tensor factor, ct_tensor *out);
ct_status ct_solve(ct_tensor matrix, ct_tensor right, ct_tensor *out);
ct_status ct_solve_triangular(ct_tensor matrix, ct_tensor right, bool upper, ct_tensor *out);
ct_status ct_inverse(ct_tensor matrix, ct_tensor *out);
ct_status ct_eigh(ct_tensor matrix, ct_tensor *eigenvalues, ct_tensor *eigenvectors);
ct_status ct_svd(ct_tensor matrix, ct_tensor *left, ct_tensor *values, ct_tensor *right_transposed);
ct_status ct_qr(ct_tensor matrix, ct_tensor *orthogonal, ct_tensor *triangular);

CT_END

#endif
