#include "memory.h"

#include <algorithm>
#include <vector>

namespace ct {
namespace {

/// The number of elements from a tensor's first address to its last.
int64_t span(const at::Tensor &tensor) {
    auto sizes = tensor.sizes(), strides = tensor.strides();
    int64_t last = 0;
    for (size_t axis = 0; axis < sizes.size(); ++axis) last += (sizes[axis] - 1) * strides[axis];
    return last + 1;
}

/// Calls `visit` with the distance of each element from the first one, until it gives true.
template <class Visit> bool any_address(const at::Tensor &tensor, Visit visit) {
    std::vector<int64_t> index(tensor.dim());
    int64_t address = 0;
    while (true) {
        if (visit(address)) return true;
        auto axis = tensor.dim() - 1;
        for (; axis >= 0; --axis) {
            address += tensor.stride(axis);
            if (++index[axis] < tensor.size(axis)) break;
            address -= tensor.size(axis) * tensor.stride(axis);
            index[axis] = 0;
        }
        if (axis < 0) return false;
    }
}

/// Whether two of the sums Σ index · stride are equal, counted out.
bool has_equal_addresses(const at::Tensor &tensor) {
    std::vector<bool> seen(span(tensor));
    return any_address(tensor, [&](int64_t address) {
        if (seen[address]) return true;
        seen[address] = true;
        return false;
    });
}

} // namespace

bool overlaps_itself(const at::Tensor &tensor) {
    auto sizes = tensor.sizes(), strides = tensor.strides();
    // Axes that step over all that those of smaller strides reach, as in all slices, give each index its own address.
    auto are_apart = [&](const auto &axes) {
        int64_t reach = 0;
        for (auto axis : axes) {
            if (strides[axis] <= reach) return false;
            reach += (sizes[axis] - 1) * strides[axis];
        }
        return true;
    };
    c10::SmallVector<size_t, 8> axes;
    for (auto axis = sizes.size(); axis-- > 0;)
        if (sizes[axis] != 1) axes.push_back(axis);
    if (are_apart(axes) || tensor.numel() == 0) return false;
    std::sort(axes.begin(), axes.end(), [&](auto a, auto b) { return strides[a] < strides[b]; });
    if (are_apart(axes)) return false;
    // With more elements than addresses, as where a stride is 0, there is nothing to count.
    return tensor.numel() > span(tensor) || has_equal_addresses(tensor);
}

bool ranges_meet(const at::Tensor &a, const at::Tensor &b) {
    if (!share_memory(a, b) || a.numel() == 0 || b.numel() == 0) return false;
    auto begin = [](const at::Tensor &x) { return x.storage_offset() * int64_t(x.element_size()); };
    auto end = [&](const at::Tensor &x) { return begin(x) + span(x) * int64_t(x.element_size()); };
    return begin(a) < end(b) && begin(b) < end(a);
}

bool overlap(const at::Tensor &a, const at::Tensor &b) {
    if (!ranges_meet(a, b)) return false;
    auto is_dense = a.is_non_overlapping_and_dense() && b.is_non_overlapping_and_dense();
    if (is_dense || a.element_size() != b.element_size()) return true;
    std::vector<bool> seen(span(a));
    any_address(a, [&](int64_t address) {
        seen[address] = true;
        return false;
    });
    auto distance = b.storage_offset() - a.storage_offset();
    return any_address(b, [&](int64_t address) {
        address += distance;
        return address >= 0 && address < int64_t(seen.size()) && seen[address];
    });
}

bool is_same_view(const at::Tensor &a, const at::Tensor &b) {
    auto sizes = a.sizes();
    if (!share_memory(a, b) || a.storage_offset() != b.storage_offset() || a.scalar_type() != b.scalar_type()
        || sizes != b.sizes())
        return false;
    // The stride of an axis of one element is never taken.
    for (size_t axis = 0; axis < sizes.size(); ++axis)
        if (sizes[axis] > 1 && a.strides()[axis] != b.strides()[axis]) return false;
    return true;
}

} // namespace ct
