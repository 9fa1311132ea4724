// Maximum pooling of images whose channels lie side by side.
//
// Libtorch's keeps the chosen elements' places in eight bytes each, twice as much as the results take, and its
// derivative goes over all of it several times. One byte tells which element of its window was chosen, or that a
// rectifier behind it cuts it off.
#include "pooling.h"
#include "aten_pooling.h"
#include "kernels.h"

using namespace ct;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;

/// A pooling as the numbers that a node of the graph keeps: batch, channels, height, width, those of the results, and
/// the windows, and whether a rectifier follows.
using Numbers = std::vector<int64_t>;

ck_pooling pooling(const Numbers &n) {
    return {n[0], n[1], n[2], n[3], n[4], n[5], {n[6], n[7]}, {n[8], n[9]}, {n[10], n[11]}, n[12] != 0};
}

int64_t extent(int64_t size, int64_t window, int64_t stride, int64_t padding) {
    return (size + 2 * padding - window) / stride + 1;
}

Numbers numbers(const at::Tensor &images, const PoolingWindows &windows) {
    Numbers result = images.sizes().vec();
    for (int axis = 0; axis < 2; ++axis)
        result.push_back(
            extent(images.size(2 + axis), windows.window[axis], windows.stride[axis], windows.padding[axis]));
    for (auto list : {windows.window, windows.stride, windows.padding})
        result.insert(result.end(), list.begin(), list.end());
    result.push_back(windows.is_rectified);
    return result;
}

at::Tensor images(const Numbers &n, at::TensorOptions options) {
    return at::empty({n[0], n[1], n[2], n[3]}, options.memory_format(channels_last));
}

at::Tensor results(const Numbers &n, at::TensorOptions options) {
    return at::empty({n[0], n[1], n[4], n[5]}, options.memory_format(channels_last));
}

/// From images to the elements that were chosen.
struct Pick : Function<Pick> {
    static at::Tensor forward(AutogradContext *context, at::Tensor source, at::Tensor choices, Numbers numbers);
    static variable_list backward(AutogradContext *context, variable_list gradients);
};

/// From gradients of results to those of images; the adjoint.
struct Spread : Function<Spread> {
    static at::Tensor forward(AutogradContext *context, at::Tensor gradients, at::Tensor choices, Numbers numbers);
    static variable_list backward(AutogradContext *context, variable_list gradients);
};

void keep(AutogradContext *context, const at::Tensor &choices, const Numbers &numbers) {
    context->save_for_backward({choices});
    context->saved_data["numbers"] = numbers;
}

template <class Adjoint> variable_list adjoint(AutogradContext *context, const variable_list &gradients) {
    auto numbers = context->saved_data["numbers"].toIntVector();
    return {Adjoint::apply(gradients[0], context->get_saved_variables()[0], numbers), {}, {}};
}

at::Tensor Pick::forward(AutogradContext *context, at::Tensor source, at::Tensor choices, Numbers numbers) {
    keep(context, choices, numbers);
    source = source.contiguous(channels_last);
    auto out = results(numbers, source.options());
    auto own = pooling(numbers);
    run_kernel([&](auto resources) {
        return ck_pick_pooled(
            resources, kernel_type(source), &own, source.const_data_ptr(), choices.const_data_ptr<uint8_t>(),
            out.mutable_data_ptr());
    });
    return out;
}

variable_list Pick::backward(AutogradContext *context, variable_list gradients) {
    return adjoint<Spread>(context, gradients);
}

at::Tensor Spread::forward(AutogradContext *context, at::Tensor gradients, at::Tensor choices, Numbers numbers) {
    keep(context, choices, numbers);
    gradients = gradients.contiguous(channels_last);
    auto out = images(numbers, gradients.options());
    auto own = pooling(numbers);
    run_kernel([&](auto resources) {
        return ck_spread_pooled(
            resources, kernel_type(gradients), &own, gradients.const_data_ptr(), choices.const_data_ptr<uint8_t>(),
            out.mutable_data_ptr());
    });
    return out;
}

variable_list Spread::backward(AutogradContext *context, variable_list gradients) {
    return adjoint<Pick>(context, gradients);
}

struct MaxPool : Function<MaxPool> {
    static at::Tensor forward(AutogradContext *context, at::Tensor source, Numbers numbers) {
        source = source.contiguous(channels_last);
        auto out = results(numbers, source.options()), choices = results(numbers, source.options().dtype(at::kByte));
        auto own = pooling(numbers);
        run_kernel([&](auto resources) {
            return ck_max_pool(
                resources, kernel_type(source), &own, source.const_data_ptr(), out.mutable_data_ptr(),
                choices.mutable_data_ptr<uint8_t>());
        });
        keep(context, choices, numbers);
        return out;
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto numbers = context->saved_data["numbers"].toIntVector();
        return {Spread::apply(gradients[0], context->get_saved_variables()[0], numbers), {}};
    }
};

} // namespace

bool ct::has_max_pool(const at::Tensor &images, const PoolingWindows &windows) {
    auto type = images.scalar_type();
    if (images.dim() != 4 || !images.is_cpu() || (type != at::kFloat && type != at::kDouble)) return false;
    if (images.suggest_memory_format() != channels_last || images.numel() == 0) return false;
    for (int axis = 0; axis < 2; ++axis) {
        auto window = windows.window[axis], padding = windows.padding[axis];
        // Bounds that leave room for sums; libtorch tells what is wrong with the rest.
        bool fits = window > 0 && window <= 255 && windows.stride[axis] > 0 && padding >= 0 && 2 * padding <= window
            && images.size(2 + axis) + 2 * padding >= window;
        if (!fits) return false;
    }
    return windows.window[0] * windows.window[1] <= 255;
}

at::Tensor ct::max_pool(const at::Tensor &images, const PoolingWindows &windows) {
    return MaxPool::apply(images, numbers(images, windows));
}
