#ifndef CT_MOMENTS_H
#define CT_MOMENTS_H

#include "ct_types.h"

#include <CKernels.h>

CT_BEGIN

// What the kernels offer for tensors: see CKernels.h.

/// Whether the functions below can run: on the CPU, where the linked BLAS library can be called directly.
bool ct_has_moments(void);

/// How many operations a second one thread makes of a product [rows, depth] x [depth, columns] in single precision,
/// while the other threads do the same; the best of a few tries, which take about a millisecond.
ct_status ct_product_rate(int64_t rows, int64_t columns, int64_t depth, double *flops_per_second);

/// target <- beta * target + alpha * the second moments of patches as planned.
///
/// `images` is [batch, groups * channels, ...] with any strides; the lines' starts are relative to an image's channel.
/// `target` is [groups, n, n], symmetric, with the last axis dense. No more than 16 MiB of images are copied at a time,
/// or some for each thread. Registers of at most `register_bytes` are used, 64 or 32; with 0 the linked library's
/// products.
ct_status ct_patch_moments(
    ct_tensor target, ct_tensor images, const ck_patch_plan *plan, double beta, double alpha, int64_t register_bytes);

/// target <- beta * target + alpha * sum over batch and locations of x x^T, at half the work of a general product.
///
/// `vectors` is [batch, groups * n, locations] with any strides; `target` [groups, n, n], symmetric, with the last axis
/// dense. Registers of at most `register_bytes` are used, 64 or 32; with 0 the linked library's products.
ct_status ct_symmetric_product(
    ct_tensor target, ct_tensor vectors, double beta, double alpha, int64_t register_bytes);

/// (matrix + damping * I)^-1 for a symmetric positive-definite matrix, or for each of several, [groups, n, n].
ct_status ct_damped_inverse(ct_tensor matrix, double damping, ct_tensor *out);

/// The lower-triangular L with L L^T = matrix + damping * I, on the CPU.
ct_status ct_damped_cholesky(ct_tensor matrix, double damping, ct_tensor *out);

CT_END

#endif
