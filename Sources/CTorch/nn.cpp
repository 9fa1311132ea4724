#include "include/ct_nn.h"
#include "aten_nn.h"
#include "memory.h"
#include "support.h"

using namespace ct;

kt_status kt_linear(kt_tensor input, kt_tensor weight, kt_tensor bias, kt_tensor *out) {
    return guarded([&] { *out = give(at::linear(borrow(input), borrow(weight), borrow_optional(bias))); });
}

kt_status kt_convolution(
    kt_tensor input, kt_tensor weight, kt_tensor bias, size_t spatial_rank, const int64_t *stride,
    const int64_t *padding, const int64_t *dilation, bool transposed, const int64_t *output_padding, int64_t groups,
    kt_tensor *out) {
    return guarded([&] {
        *out = give(at::convolution(
            borrow(input), borrow(weight), borrow_optional(bias), list(stride, spatial_rank),
            list(padding, spatial_rank), list(dilation, spatial_rank), transposed, list(output_padding, spatial_rank),
            groups));
    });
}

kt_status kt_im2col(
    kt_tensor input, const int64_t kernel[2], const int64_t dilation[2], const int64_t padding[2],
    const int64_t stride[2], kt_tensor *out) {
    return guarded([&] {
        *out = give(at::im2col(borrow(input), list(kernel, 2), list(dilation, 2), list(padding, 2), list(stride, 2)));
    });
}

kt_status kt_max_pool2d(
    kt_tensor input, const int64_t kernel[2], const int64_t stride[2], const int64_t padding[2], kt_tensor *out) {
    return guarded([&] {
        *out = give(at::max_pool2d(borrow(input), list(kernel, 2), list(stride, 2), list(padding, 2)));
    });
}

kt_status kt_avg_pool2d(
    kt_tensor input, const int64_t kernel[2], const int64_t stride[2], const int64_t padding[2], kt_tensor *out) {
    return guarded([&] {
        *out = give(at::avg_pool2d(borrow(input), list(kernel, 2), list(stride, 2), list(padding, 2)));
    });
}

kt_status kt_batch_norm(
    kt_tensor input, kt_tensor running_mean, kt_tensor running_variance, bool training,
    double momentum, double epsilon, kt_tensor *out) {
    return guarded([&] {
        auto x = borrow(input);
        auto mean = borrow_optional(running_mean), variance = borrow_optional(running_variance);
        if (training) {
            for (const auto &statistics : {mean, variance}) {
                if (!statistics) continue;
                check_destination(*statistics);
                x = apart(*statistics, std::move(x));
            }
        }
        *out = give(at::batch_norm(
            x, std::nullopt, std::nullopt, mean, variance, training, momentum, epsilon, /*cudnn_enabled=*/true));
    });
}

kt_status kt_layer_norm(kt_tensor input, const int64_t *shape, size_t rank, double epsilon, kt_tensor *out) {
    return guarded([&] {
        *out = give(at::layer_norm(borrow(input), list(shape, rank), std::nullopt, std::nullopt, epsilon));
    });
}

kt_status kt_embedding(kt_tensor weight, kt_tensor indices, kt_tensor *out) {
    return guarded([&] { *out = give(at::embedding(borrow(weight), borrow(indices))); });
}
