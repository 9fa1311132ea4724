#include "include/ct_nn.h"
#include "aten_nn.h"
#include "memory.h"
#include "pooling.h"
#include "precision.h"
#include "support.h"

using namespace ct;

bool ct_mixed_precision(void) { return mixes_precision; }
void ct_set_mixed_precision(bool enabled) { mixes_precision = enabled; }

ct_status ct_linear(ct_tensor input, ct_tensor weight, ct_tensor bias, ct_tensor *out) {
    return guarded([&] {
        *out = give(at::linear(lowered(borrow(input)), lowered(borrow(weight)), lowered(borrow_optional(bias))));
    });
}

/// The positions along an axis that a window of a kernel's extent takes.
static int64_t positions(int64_t extent, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
    return (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

ct_status ct_convolution(
    ct_tensor input, ct_tensor weight, ct_tensor bias, size_t spatial_rank, const int64_t *stride,
    const int64_t *padding, const int64_t *dilation, bool transposed, const int64_t *output_padding, int64_t groups,
    ct_tensor *out) {
    return guarded([&] {
        auto x = lowered(borrow(input)), w = lowered(borrow(weight));
        if (imagines()) {
            std::vector<int64_t> shape{x.size(0), transposed ? w.size(1) * groups : w.size(0)};
            for (size_t i = 0; i < spatial_rank; ++i) {
                auto extent = x.size(2 + i), kernel = w.size(2 + i);
                shape.push_back(
                    transposed ? (extent - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel - 1)
                            + output_padding[i] + 1
                               : positions(extent, kernel, stride[i], padding[i], dilation[i]));
            }
            *out = give(imagined(shape, x.scalar_type(), {x, w}));
            return;
        }
        *out = give(at::convolution(
            x, w, lowered(borrow_optional(bias)), list(stride, spatial_rank),
            list(padding, spatial_rank), list(dilation, spatial_rank), transposed, list(output_padding, spatial_rank),
            groups));
    });
}

ct_status ct_im2col(
    ct_tensor input, const int64_t kernel[2], const int64_t dilation[2], const int64_t padding[2],
    const int64_t stride[2], ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(input);
        if (imagines()) {
            auto count = [&](int64_t i) {
                return positions(x.size(2 + i), kernel[i], stride[i], padding[i], dilation[i]);
            };
            *out = give(imagined(
                {x.size(0), x.size(1) * kernel[0] * kernel[1], count(0) * count(1)}, x.scalar_type(), {x}));
            return;
        }
        *out = give(at::im2col(x, list(kernel, 2), list(dilation, 2), list(padding, 2), list(stride, 2)));
    });
}

ct_status ct_max_pool2d(
    ct_tensor input, const int64_t kernel[2], const int64_t stride[2], const int64_t padding[2], bool rectified,
    ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(input);
        PoolingWindows windows{list(kernel, 2), list(stride, 2), list(padding, 2), rectified};
        if (has_max_pool(x, windows)) {
            *out = give(max_pool(x, windows));
            return;
        }
        x = at::max_pool2d(x, windows.window, windows.stride, windows.padding);
        // Libtorch does not know the shape of a rectifier's result.
        *out = give(rectified && !imagines() ? at::relu(x) : x);
    });
}

ct_status ct_avg_pool2d(
    ct_tensor input, const int64_t kernel[2], const int64_t stride[2], const int64_t padding[2], ct_tensor *out) {
    return guarded([&] {
        *out = give(at::avg_pool2d(borrow(input), list(kernel, 2), list(stride, 2), list(padding, 2)));
    });
}

ct_status ct_batch_norm(
    ct_tensor input, ct_tensor running_mean, ct_tensor running_variance, bool training,
    double momentum, double epsilon, ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(input);
        if (imagines()) {
            *out = give(x.clone());
            return;
        }
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

ct_status ct_layer_norm(ct_tensor input, const int64_t *shape, size_t rank, double epsilon, ct_tensor *out) {
    return guarded([&] {
        auto x = borrow(input);
        *out = give(
            imagines() ? x.clone() : at::layer_norm(x, list(shape, rank), std::nullopt, std::nullopt, epsilon));
    });
}

ct_status ct_embedding(ct_tensor weight, ct_tensor indices, ct_tensor *out) {
    return guarded([&] {
        auto w = borrow(weight), positions = borrow(indices);
        if (imagines()) {
            auto shape = positions.sizes().vec();
            shape.push_back(w.size(1));
            *out = give(imagined(shape, w.scalar_type(), {w}));
            return;
        }
        *out = give(at::embedding(w, positions));
    });
}
