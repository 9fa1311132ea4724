/// Kernels on plain memory of a CPU: second moments, inverses, inner products. They know nothing of libtorch.
///
/// Rules that hold for every function:
/// - **Memory.** Pointers are borrowed for the time of the call. Steps are counted in elements, not bytes. What is
///   written shares no memory with what is read, unless the function says so.
/// - **Errors.** Arguments are trusted: who calls checks them. A function that gives a `bool` gives false if it could
///   not have the memory that it needs; its results are then of no use.
/// - **Threads.** The same arguments and the same number of threads give the same bits.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The type of all elements of a call.
typedef enum { CK_FLOAT32 = 0, CK_FLOAT64 = 1 } ck_type;

/// The threads and the memory that a kernel runs on.
typedef struct {
    /// The number of threads, the calling one among them.
    int64_t threads;
    /// The size of the largest registers to use, 64 or 32; with 0 the linked BLAS library makes all products.
    int64_t register_bytes;
    /// Gives memory for the time of a call, or null if there is none; may be called on any of the threads.
    void *(*allocate)(void *context, size_t bytes);
    void (*release)(void *context, void *memory);
    void *context;
} ck_resources;

/// Whether a BLAS and LAPACK library is linked whose functions can be called by their usual names, which all kernels
/// but the inner product need.
bool ck_has_library(void);

/// How many operations a second one thread makes of a product [rows, depth] x [depth, columns] in single precision,
/// while the other threads do the same; the best of a few tries, which take about a millisecond.
bool ck_product_rate(
    const ck_resources *resources, int64_t rows, int64_t columns, int64_t depth, double *flops_per_second);

/// The sum of the products of `count` elements, in double precision.
bool ck_inner_product(const ck_resources *resources, const float *a, const float *b, int64_t count, double *out);

/// Whether this processor has registers that `ck_product` needs, of at most so many bytes.
bool ck_has_products(int64_t register_bytes);

/// A matrix with any steps between rows and columns.
typedef struct {
    const void *start;
    int64_t row_step, column_step;
} ck_operand;

/// out[rows, columns] <- left[rows, depth] right[depth, columns] + bias[columns], if there is one; its rows are
/// `out_step` apart. Needs `ck_has_products`; the bits do not depend on the number of threads.
bool ck_product(
    const ck_resources *resources, ck_type type, ck_operand left, ck_operand right, int64_t rows, int64_t depth,
    int64_t columns, const void *bias, void *out, int64_t out_step);

/// Square matrices [count, n, n], whose rows touch no other ones and whose elements of a row touch.
typedef struct {
    void *start;
    int64_t count, n, matrix_step, row_step;
} ck_matrices;

/// How windows move over images [batch, height, width, channels] without gaps, to one pixel each.
///
/// Each window has an element within the image, and at most 255 elements.
typedef struct {
    int64_t batch, channels, height, width, out_height, out_width;
    int64_t window[2], stride[2], padding[2];
    /// Whether results that are not positive are zero, and no element is chosen there.
    bool is_rectified;
} ck_pooling;

/// out, choices [batch, out_height, out_width, channels] <- the greatest elements of the windows, the first of equal
/// ones, and their numbers in the windows, row by row, or 255 for none.
bool ck_max_pool(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, void *out,
    uint8_t *choices);

/// images <- the sums of the gradients of windows at the elements that were chosen, and zeros: the derivative.
bool ck_spread_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *gradients,
    const uint8_t *choices, void *images);

/// out <- the elements of images that were chosen: the derivative of that.
bool ck_pick_pooled(
    const ck_resources *resources, ck_type type, const ck_pooling *pooling, const void *images, const uint8_t *choices,
    void *out);

/// Vectors [batch, groups * n, locations] with any steps.
typedef struct {
    const void *start;
    int64_t batch, locations, batch_step, element_step, location_step;
} ck_vectors;

/// target <- beta * target + alpha * sum over batch and locations of x x^T, for each group of vectors one matrix, at
/// half the work of a general product; with a `beta` of 0 the target is not read.
bool ck_symmetric_product(
    const ck_resources *resources, ck_type type, ck_matrices target, ck_vectors vectors, double beta, double alpha);

/// Images [batch, groups * channels, pixels] with any steps.
typedef struct {
    const void *start;
    int64_t batch, groups, channels, image_step, channel_step;
} ck_images;

/// A line of pixels along an image's last axis: every `step`th one of `count` from the element `start` of a channel on.
typedef struct {
    int64_t start, step, count;
} ck_line;

/// How images are laid out for products of lines.
///
/// Each line takes `width` pixels, a multiple of `window`, those beyond its own zero: at least as many as any shift.
typedef struct {
    const ck_line *lines;
    size_t line_count;
    int64_t pixel_step;
    int64_t width;
    int64_t window;
    /// The least and the greatest shift.
    int64_t least_shift, greatest_shift;
} ck_line_layout;

/// A sum over lines and images of products of pixels: left pixel times the right pixels beside it.
///
/// For each of `line_count` lines from `left_line` on, with the line as many after `right_line`: for each pixel, the
/// products with `shift_count` neighbouring pixels from `shift` after it on. Where `column` is not negative, for this
/// pixel only. The result is a matrix [window * channels, (window - 1 + shift_count) * channels] at `slot`; of a
/// single column, the window is 1.
typedef struct {
    int32_t left_line, right_line, line_count, column, shift, shift_count;
    int64_t slot;
} ck_line_product;

/// Where the blocks of the second moment of patches come from: `sign` times the matrix [channels, channels] at
/// `slot`, columns from `column` on, its rows `step` apart, belongs to the block of the kernel elements `left` <=
/// `right`.
typedef struct {
    int32_t left, right;
    int64_t slot, step, column;
    double sign;
} ck_block_term;

/// How the second moments of patches are put together from sums of products, whose results are `result_count` elements
/// for each group. Terms are in the order of their blocks.
typedef struct {
    ck_line_layout layout;
    const ck_line_product *products;
    size_t product_count;
    int64_t result_count, kernel_count;
    const ck_block_term *terms;
    size_t term_count;
} ck_patch_plan;

/// target <- beta * target + alpha * the symmetric matrices of blocks, one for each group, whose rows and columns are
/// [channel][kernel element].
///
/// No more than 16 MiB of images are copied at a time, or some for each thread.
bool ck_patch_moments(
    const ck_resources *resources, ck_type type, ck_images images, const ck_patch_plan *plan, ck_matrices target,
    double beta, double alpha);

/// The lower triangle L with L L^T = matrix + damping * I for a symmetric matrix [n, n]; both row by row without gaps.
///
/// `failure` gets the order of the first leading minor that is not positive, or 0; otherwise there is no factor.
bool ck_factorize(
    const ck_resources *resources, ck_type type, const void *matrix, double damping, void *lower, int64_t n,
    int64_t *failure);

/// inverses <- (matrix + damping * I)^-1 for symmetric matrices, all of them row by row without gaps.
///
/// `failures` gets for each matrix what `ck_factorize` gives; if that is not 0 there is no inverse.
bool ck_invert(
    const ck_resources *resources, ck_type type, const void *matrices, double damping, void *inverses, int64_t count,
    int64_t n, int64_t *failures);

/// x <- (L L^T)^-1 x for the vectors that are the rows of x, [count, n], or its columns, [n, count].
bool ck_cholesky_solve(
    const ck_resources *resources, ck_type type, const void *lower, int64_t n, void *x, int64_t count, bool are_rows);

#ifdef __cplusplus
}
#endif

#endif
