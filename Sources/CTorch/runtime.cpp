#include "include/ct_runtime.h"
#include "aten_runtime.h"
#include "support.h"

#include <climits>
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace ct;

const char *ct_version(void) { return TORCH_VERSION; }

int32_t ct_thread_count(void) { return at::get_num_threads(); }

ct_status ct_set_thread_count(int32_t count) {
    return guarded([&] { at::set_num_threads(count); });
}

bool ct_retain_freed_memory(void) {
#ifdef __GLIBC__
    // No block is a mapping of its own, and the end of the heap stays when it is free.
    return mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_TRIM_THRESHOLD, INT_MAX) == 1;
#else
    return false;
#endif
}

bool ct_has_fast_bfloat16(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool ct_cuda_is_available(void) { return at::hasCUDA(); }

int32_t ct_cuda_device_count(void) { return at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0; }

ct_status ct_synchronize(ct_device where) {
    return guarded([&] {
        if (where.type == CT_CUDA) at::detail::getCUDAHooks().deviceSynchronize(device_index(where));
    });
}
