// The type that linear operations compute in: see `ct_set_mixed_precision`.
#ifndef CT_PRECISION_H
#define CT_PRECISION_H

#include "libtorch.h"

namespace ct {

/// Whether this thread's linear operations compute in bfloat16.
inline constinit thread_local bool mixes_precision = false;

/// The operand as a linear operation takes it.
///
/// Each use converts by an operation of its own, so that gradients of a weight's uses are summed in float32, and the
/// graph takes a weight in as often as layers do.
inline at::Tensor lowered(at::Tensor operand) {
    if (!mixes_precision || operand.scalar_type() != at::kFloat) return operand;
    return operand.to(at::kBFloat16);
}

inline std::optional<at::Tensor> lowered(std::optional<at::Tensor> operand) {
    return operand ? std::optional<at::Tensor>(lowered(std::move(*operand))) : std::nullopt;
}

} // namespace ct

#endif
