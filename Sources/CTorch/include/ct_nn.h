#ifndef CT_NN_H
#define CT_NN_H

#include "ct_types.h"

CT_BEGIN

// Biases and running statistics may be null.

/// Whether this thread's linear operations (layers, convolutions and matrix products) compute in bfloat16 what is given
/// in float32, so that their results are bfloat16.
bool ct_mixed_precision(void);
void ct_set_mixed_precision(bool enabled);

ct_status ct_linear(ct_tensor input, ct_tensor weight, ct_tensor bias, ct_tensor *out);

/// A convolution over 1, 2 or 3 spatial axes; `stride`, `padding`, `dilation` and `output_padding` hold one number
/// each.
ct_status ct_convolution(
    ct_tensor input, ct_tensor weight, ct_tensor bias, size_t spatial_rank, const int64_t *stride,
    const int64_t *padding, const int64_t *dilation, bool transposed, const int64_t *output_padding, int64_t groups,
    ct_tensor *out);

/// The patches of a 2-D convolution: [batch, channels * kernel rows * kernel columns, locations].
ct_status ct_im2col(
    ct_tensor input, const int64_t kernel[2], const int64_t dilation[2],
    const int64_t padding[2], const int64_t stride[2], ct_tensor *out);

/// `rectified`: max(0, x) of the greatest elements.
ct_status ct_max_pool2d(
    ct_tensor input, const int64_t kernel[2], const int64_t stride[2],
    const int64_t padding[2], bool rectified, ct_tensor *out);
ct_status ct_avg_pool2d(
    ct_tensor input, const int64_t kernel[2], const int64_t stride[2],
    const int64_t padding[2], ct_tensor *out);

/// Normalises each channel; in training by the batch, whose mean and variance then move the running ones.
ct_status ct_batch_norm(
    ct_tensor input, ct_tensor running_mean, ct_tensor running_variance, bool training,
    double momentum, double epsilon, ct_tensor *out);
ct_status ct_layer_norm(ct_tensor input, const int64_t *shape, size_t rank, double epsilon, ct_tensor *out);

ct_status ct_embedding(ct_tensor weight, ct_tensor indices, ct_tensor *out);

CT_END

#endif
