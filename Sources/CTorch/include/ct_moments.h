#ifndef CT_MOMENTS_H
#define CT_MOMENTS_H

#include "ct_types.h"

KT_BEGIN

/// Whether the products below can run: on the CPU, where the linked BLAS library can be called directly.
bool kt_has_moments(void);

/// How many operations a second one thread makes of a product [rows, depth] x [depth, columns] in single precision,
/// while the other threads do the same; the best of a few tries, which take about a millisecond.
kt_status kt_product_rate(int64_t rows, int64_t columns, int64_t depth, double *flops_per_second);

/// A line of pixels along an image's last axis: every `step`th one of `count` from the element `start` on.
typedef struct {
    int64_t start, step, count;
} kt_line;

/// A sum over lines and images of products of pixels: left pixel times the right pixels beside it.
///
/// For each of `line_count` lines from `left_line` on, with the line as many after `right_line`: for each pixel, the
/// products with `shift_count` neighbouring pixels from `shift` after it on. Where `column` is not negative, for this
/// pixel only. The result is a matrix [window * channels, (window - 1 + shift_count) * channels] at `slot`; of a
/// single column, the window is 1.
typedef struct {
    int32_t left_line, right_line, line_count, column, shift, shift_count;
    int64_t slot;
} kt_line_product;

/// Where the blocks of the second moment of patches come from: `sign` times the matrix [channels, channels] at
/// `slot`, columns from `column` on, its rows `step` apart, belongs to the block of the kernel elements `left` <=
/// `right`.
typedef struct {
    int32_t left, right;
    int64_t slot, step, column;
    double sign;
} kt_block_term;

/// How images are laid out for products of lines.
///
/// Each line takes `width` pixels, a multiple of `window`, those beyond its own zero: at least as many as any shift.
typedef struct {
    const kt_line *lines;
    size_t line_count;
    int64_t pixel_step;
    int64_t width;
    int64_t window;
    /// The least and the greatest shift.
    int64_t least_shift, greatest_shift;
} kt_line_layout;

/// Adds the products, summed over all images, to `out`, [groups, elements of all slots], row-major and in memory of its
/// own.
///
/// `images` is [batch, groups * channels, ...] with any strides; the lines' starts are relative to an image's channel.
/// No more than 16 MiB of images are copied at a time, or some for each thread. Registers of at most `register_bytes`
/// are used, 64 or 32; with 0 the linked library's products.
kt_status kt_line_products(
    kt_tensor images, int64_t groups, const kt_line_layout *layout, const kt_line_product *products,
    size_t product_count, kt_tensor out, int64_t register_bytes);

/// target <- beta * target + alpha * the symmetric matrix of blocks, whose rows and columns are [channel][kernel
/// element]; `target` is [groups, n, n] with the last axis dense, `results` [groups, elements of all slots] row-major.
kt_status kt_assemble_blocks(
    kt_tensor target, kt_tensor results, int64_t channels, int64_t kernel_count, const kt_block_term *terms,
    size_t term_count, double beta, double alpha);

/// target <- beta * target + alpha * sum over batch and locations of x x^T, at half the work of a general product.
///
/// `vectors` is [batch, groups * n, locations] with any strides; `target` [groups, n, n], symmetric, with the last axis
/// dense. Registers of at most `register_bytes` are used, 64 or 32; with 0 the linked library's products.
kt_status kt_symmetric_product(
    kt_tensor target, kt_tensor vectors, double beta, double alpha, int64_t register_bytes);

/// (matrix + damping * I)^-1 for a symmetric positive-definite matrix, or for each of several, [groups, n, n].
kt_status kt_damped_inverse(kt_tensor matrix, double damping, kt_tensor *out);

/// The lower-triangular L with L L^T = matrix + damping * I, on the CPU.
kt_status kt_damped_cholesky(kt_tensor matrix, double damping, kt_tensor *out);

KT_END

#endif
