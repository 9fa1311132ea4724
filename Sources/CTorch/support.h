// What the C functions share: handles, errors, conversions.
#ifndef CT_SUPPORT_H
#define CT_SUPPORT_H

#include "include/ct_types.h"
#include "libtorch.h"

#include <exception>
#include <vector>

namespace ct {

/// Remembers `message` for `kt_last_error` and returns `status`.
kt_status fail(kt_status status, const char *message) noexcept;

/// Runs `body` and turns a C++ exception into a status.
template <class Body> kt_status guarded(Body &&body) noexcept {
    try {
        body();
        return KT_OK;
    } catch (const c10::LinAlgError &error) {
        return fail(KT_LINALG, error.what_without_backtrace());
    } catch (const c10::OutOfMemoryError &error) {
        return fail(KT_OUT_OF_MEMORY, error.what_without_backtrace());
    } catch (const c10::Error &error) {
        return fail(KT_ERROR, error.what_without_backtrace());
    } catch (const std::exception &error) {
        return fail(KT_ERROR, error.what());
    } catch (...) {
        return fail(KT_ERROR, "unknown C++ exception");
    }
}

/// A tensor for the time of a call: holds a reference of its own, so that nobody can release it meanwhile.
inline at::Tensor borrow(kt_tensor handle) {
    return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(
        reinterpret_cast<c10::TensorImpl *>(handle)));
}

inline std::optional<at::Tensor> borrow_optional(kt_tensor handle) {
    return handle ? std::optional<at::Tensor>(borrow(handle)) : std::nullopt;
}

inline std::vector<at::Tensor> borrow_all(const kt_tensor *handles, size_t count) {
    std::vector<at::Tensor> tensors;
    tensors.reserve(count);
    for (size_t i = 0; i < count; ++i) tensors.push_back(borrow(handles[i]));
    return tensors;
}

/// Hands a tensor to the caller, with its reference.
inline kt_tensor give(at::Tensor tensor) { return reinterpret_cast<kt_tensor>(tensor.unsafeReleaseTensorImpl()); }

inline at::IntArrayRef list(const int64_t *values, size_t count) { return at::IntArrayRef(values, count); }

/// As those of libtorch, whose headers take longer to compile than what calls them.
at::Tensor empty(at::IntArrayRef shape, const at::TensorOptions &options);
at::Tensor zeros(at::IntArrayRef shape, const at::TensorOptions &options);

at::ScalarType scalar_type(kt_dtype dtype);
c10::Device device(kt_device device);
c10::DeviceIndex device_index(kt_device device);

/// `value` as a number of the given type; fails where the type has no such number.
at::Scalar scalar_of(at::ScalarType type, double value);

/// `value` as a number of the tensor's own type, so that it never promotes the tensor.
inline at::Scalar scalar_like(const at::Tensor &tensor, double value) {
    return scalar_of(tensor.scalar_type(), value);
}

} // namespace ct

#endif
