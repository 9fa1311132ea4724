// How this project's own kernels are called: on libtorch's threads, with memory of its allocator.
#ifndef CT_KERNELS_H
#define CT_KERNELS_H

#include "libtorch.h"

#include <CKernels.h>
#include <exception>
#include <mutex>
#include <new>

namespace ct {

/// The memory of a kernel's call.
///
/// No exception may pass through a kernel, so the first one of the allocator is kept until the call is over.
class KernelMemory {
public:
    void *allocate(size_t bytes) noexcept;
    static void release(void *memory) noexcept;

    /// Throws what the allocator threw.
    [[noreturn]] void rethrow() {
        if (failure) std::rethrow_exception(failure);
        throw std::bad_alloc();
    }

private:
    std::mutex mutex;
    std::exception_ptr failure;
};

/// The number of threads that a kernel may run on; 1 within a parallel region.
int64_t kernel_threads();

/// Calls `kernel(&resources)`; throws if it lacks memory.
template <class Kernel> void run_kernel(Kernel &&kernel, int64_t register_bytes = 64) {
    KernelMemory memory;
    ck_resources resources{
        kernel_threads(), register_bytes,
        [](void *context, size_t bytes) { return static_cast<KernelMemory *>(context)->allocate(bytes); },
        [](void *, void *pointer) { KernelMemory::release(pointer); }, &memory};
    if (!kernel(&resources)) memory.rethrow();
}

/// The type of a kernel's elements.
inline ck_type kernel_type(const at::Tensor &tensor) {
    auto type = tensor.scalar_type();
    TORCH_CHECK(
        type == at::kFloat || type == at::kDouble, "elements of float32 or float64 were expected, not of ", type);
    return type == at::kFloat ? CK_FLOAT32 : CK_FLOAT64;
}

} // namespace ct

#endif
