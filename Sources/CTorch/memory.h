// Memory that an operation writes, and what its operands share with it.
#ifndef CT_MEMORY_H
#define CT_MEMORY_H

#include "libtorch.h"

namespace ct {

/// Whether both are views of one piece of memory, be it of different parts.
inline bool share_memory(const at::Tensor &a, const at::Tensor &b) {
    return a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
}

/// Whether two indices of a tensor have one address, as in expanded tensors and overlapping windows; exact.
bool overlaps_itself(const at::Tensor &tensor);

/// Whether the address ranges of two tensors meet, though no address need be in both.
bool ranges_meet(const at::Tensor &a, const at::Tensor &b);

/// Whether an address is in both tensors; exact for tensors of one element size.
bool overlap(const at::Tensor &a, const at::Tensor &b);

/// Whether each index has the same address in both tensors.
bool is_same_view(const at::Tensor &a, const at::Tensor &b);

/// Refuses a destination whose result would depend on the order in which its elements are written.
inline void check_destination(const at::Tensor &target) {
    TORCH_CHECK(
        target.is_non_overlapping_and_dense() || !overlaps_itself(target),
        "the destination overlaps itself: several of its indices share an address; write into a copy");
}

/// Refuses a destination that the kernels of this library cannot write: elsewhere than on the CPU, of another type than
/// the operand, with gaps between the elements of a row, or overlapping itself.
inline void check_kernel_destination(const at::Tensor &target, const at::Tensor &operand) {
    TORCH_CHECK(
        target.device().is_cpu() && operand.device().is_cpu() && target.scalar_type() == operand.scalar_type(),
        "operands of one type on the CPU were expected");
    TORCH_CHECK(
        target.size(-1) < 2 || target.stride(-1) == 1, "the elements of a row of the destination do not touch");
    check_destination(target);
}

/// An operand for an operation that reads any of its elements before or after any of `target` is written: a copy where
/// the two share memory.
inline at::Tensor apart(const at::Tensor &target, at::Tensor operand) {
    if (!share_memory(target, operand) || !ranges_meet(target, operand)) return operand;
    return operand.clone();
}

/// An operand for an operation that, index by index, reads operands and then writes `target`: a copy where the two
/// share memory, unless they are one view.
inline at::Tensor apart_elementwise(const at::Tensor &target, at::Tensor operand) {
    if (!share_memory(target, operand) || is_same_view(target, operand)) return operand;
    return apart(target, std::move(operand));
}

} // namespace ct

#endif
