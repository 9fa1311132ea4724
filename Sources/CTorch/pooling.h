// Maximum pooling by this project's kernels.
#ifndef CT_POOLING_H
#define CT_POOLING_H

#include "libtorch.h"

namespace ct {

/// The windows of a pooling, each of two extents.
struct PoolingWindows {
    at::IntArrayRef window, stride, padding;
    /// Whether a rectifier follows.
    bool is_rectified;
};

/// Whether `max_pool` can do it: images on the CPU whose channels lie side by side, and windows that fit.
bool has_max_pool(const at::Tensor &images, const PoolingWindows &windows);

/// The greatest elements of windows, differentiable any number of times.
at::Tensor max_pool(const at::Tensor &images, const PoolingWindows &windows);

} // namespace ct

#endif
