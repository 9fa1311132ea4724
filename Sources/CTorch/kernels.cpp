#include "kernels.h"
#include "aten_memory.h"
#include "aten_runtime.h"

namespace ct {

int64_t kernel_threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

void *KernelMemory::allocate(size_t bytes) noexcept {
    try {
        return c10::GetAllocator(c10::kCPU)->raw_allocate(bytes);
    } catch (...) {
        std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        return nullptr;
    }
}

void KernelMemory::release(void *memory) noexcept { c10::GetAllocator(c10::kCPU)->raw_deallocate(memory); }

} // namespace ct
