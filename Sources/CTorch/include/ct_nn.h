#ifndef CT_NN_H
#define CT_NN_H

#include "ct_types.h"

KT_BEGIN

// Biases and running statistics may be null.

kt_status kt_linear(kt_tensor input, kt_tensor weight, kt_tensor bias, kt_tensor *out);

/// A convolution over 1, 2 or 3 spatial axes; `stride`, `padding`, `dilation` and `output_padding` hold one number
/// each.
kt_status kt_convolution(
    kt_tensor input, kt_tensor weight, kt_tensor bias, size_t spatial_rank, const int64_t *stride,
    const int64_t *padding, const int64_t *dilation, bool transposed, const int64_t *output_padding, int64_t groups,
    kt_tensor *out);

/// The patches of a 2-D convolution: [batch, channels * kernel rows * kernel columns, locations].
kt_status kt_im2col(
    kt_tensor input, const int64_t kernel[2], const int64_t dilation[2],
    const int64_t padding[2], const int64_t stride[2], kt_tensor *out);

kt_status kt_max_pool2d(
    kt_tensor input, const int64_t kernel[2], const int64_t stride[2],
    const int64_t padding[2], kt_tensor *out);
kt_status kt_avg_pool2d(
    kt_tensor input, const int64_t kernel[2], const int64_t stride[2],
    const int64_t padding[2], kt_tensor *out);

/// Normalises each channel; in training by the batch, whose mean and variance then move the running ones.
kt_status kt_batch_norm(
    kt_tensor input, kt_tensor running_mean, kt_tensor running_variance, bool training,
    double momentum, double epsilon, kt_tensor *out);
kt_status kt_layer_norm(kt_tensor input, const int64_t *shape, size_t rank, double epsilon, kt_tensor *out);

kt_status kt_embedding(kt_tensor weight, kt_tensor indices, kt_tensor *out);

KT_END

#endif
