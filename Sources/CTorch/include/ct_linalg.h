#ifndef CT_LINALG_H
#define CT_LINALG_H

#include "ct_types.h"

KT_BEGIN

// Failures of the numbers (singular, not positive-definite, not converged) have the status KT_LINALG.
kt_status kt_cholesky(kt_tensor matrix, kt_tensor *out);
kt_status kt_cholesky_inverse(kt_tensor factor, kt_tensor *out);
kt_status kt_cholesky_solve(kt_tensor right, kt_tensor factor, kt_tensor *out);
kt_status kt_solve(kt_tensor matrix, kt_tensor right, kt_tensor *out);
kt_status kt_solve_triangular(kt_tensor matrix, kt_tensor right, bool upper, kt_tensor *out);
kt_status kt_inverse(kt_tensor matrix, kt_tensor *out);
kt_status kt_eigh(kt_tensor matrix, kt_tensor *eigenvalues, kt_tensor *eigenvectors);
kt_status kt_svd(kt_tensor matrix, kt_tensor *left, kt_tensor *values, kt_tensor *right_transposed);
kt_status kt_qr(kt_tensor matrix, kt_tensor *orthogonal, kt_tensor *triangular);

KT_END

#endif
