#include "include/ct_runtime.h"
#include "aten_runtime.h"
#include "support.h"

using namespace ct;

const char *kt_version(void) { return TORCH_VERSION; }

int32_t kt_thread_count(void) { return at::get_num_threads(); }

kt_status kt_set_thread_count(int32_t count) {
    return guarded([&] { at::set_num_threads(count); });
}

bool kt_cuda_is_available(void) { return at::hasCUDA(); }

int32_t kt_cuda_device_count(void) { return at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0; }

kt_status kt_synchronize(kt_device where) {
    return guarded([&] {
        if (where.type == KT_CUDA) at::detail::getCUDAHooks().deviceSynchronize(device_index(where));
    });
}
