// Handles, errors and conversions of the C functions.
#ifndef CT_SUPPORT_H
#define CT_SUPPORT_H

#include "include/ct_types.h"
#include "libtorch.h"
#include "memory_scope.h"

#include <vector>

namespace ct {

/// Remembers `message` for `ct_last_error` and returns `status`.
ct_status fail(ct_status status, const char *message) noexcept;

/// The status of the C++ exception that is being handled, whose message is remembered.
ct_status failure() noexcept;

/// Runs `body` and turns a C++ exception into a status.
template <class Body> ct_status attempt(Body &body) noexcept {
    try {
        body();
        return CT_OK;
    } catch (...) {
        return failure();
    }
}

/// Runs `body`, the function of a call; in a memory scope if memory runs out, again without numbers.
template <class Body> ct_status guarded(Body &&body, const char *operation = __builtin_FUNCTION()) noexcept {
    if (!has_run_out()) [[likely]] {
        auto status = attempt(body);
        if (status != CT_OUT_OF_MEMORY || !note_out_of_memory(operation)) [[likely]] return status;
    }
    Imagination imagination;
    auto status = attempt(body);
    memory_state.scope->notes_operands = false;
    return status;
}

/// Runs `body`, which writes into `target` and gives nothing out; if memory has run out, nothing is written.
template <class Body>
ct_status writing(ct_tensor target, Body &&body, const char *operation = __builtin_FUNCTION()) noexcept {
    auto scope = memory_state.scope;
    if (scope && scope->has_failed) return CT_OK;
    auto status = attempt(body);
    if (!scope) [[likely]] return status;
    if (status == CT_OUT_OF_MEMORY) {
        note_out_of_memory(operation);
        note_operand(target);
        return CT_OK;
    }
    scope->has_written = scope->has_written || reinterpret_cast<c10::TensorImpl *>(target)->requires_grad();
    return status;
}

/// The tensor itself for the time of a call: holds a reference of its own, so that nobody can release it meanwhile.
inline at::Tensor borrow_real(ct_tensor handle) {
    return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(
        reinterpret_cast<c10::TensorImpl *>(handle)));
}

/// The tensor for the time of a call, without its memory where results are to have shapes only.
inline at::Tensor borrow(ct_tensor handle) {
    return imagines() ? imagined(borrow_real(handle)) : borrow_real(handle);
}

inline std::optional<at::Tensor> borrow_optional(ct_tensor handle) {
    return handle ? std::optional<at::Tensor>(borrow(handle)) : std::nullopt;
}

inline std::vector<at::Tensor> borrow_all(const ct_tensor *handles, size_t count) {
    std::vector<at::Tensor> tensors;
    tensors.reserve(count);
    for (size_t i = 0; i < count; ++i) tensors.push_back(borrow(handles[i]));
    return tensors;
}

/// Hands a tensor to the caller, with its reference.
inline ct_tensor give(at::Tensor tensor) { return reinterpret_cast<ct_tensor>(tensor.unsafeReleaseTensorImpl()); }

inline at::IntArrayRef list(const int64_t *values, size_t count) { return at::IntArrayRef(values, count); }

at::ScalarType scalar_type(ct_dtype dtype);
c10::Device device(ct_device device);
c10::DeviceIndex device_index(ct_device device);

/// `value` as a number of the given type; fails if the type has no such number.
at::Scalar scalar_of(at::ScalarType type, double value);

/// `value` as a number of the tensor's own type, so that it never promotes the tensor.
inline at::Scalar scalar_like(const at::Tensor &tensor, double value) {
    return scalar_of(tensor.scalar_type(), value);
}

} // namespace ct

#endif
