#ifndef CT_RUNTIME_H
#define CT_RUNTIME_H

#include "ct_types.h"

CT_BEGIN

/// The version of libtorch that this was compiled against.
const char *ct_version(void);

int32_t ct_thread_count(void);
ct_status ct_set_thread_count(int32_t count);

/// What makes the products of matrices on the CPU.
typedef enum {
    /// The library that libtorch was built with.
    CT_PRODUCTS_OF_LIBRARY = 0,
    /// This project's kernels, where the matrices are large enough.
    CT_PRODUCTS_OF_KERNELS = 1
} ct_product_source;

/// The source that is used unless another one is set: the quicker one on this processor.
ct_product_source ct_preferred_product_source(void);
ct_product_source ct_current_product_source(void);
/// Sets the source for all threads; fails for kernels where the processor has no registers for them.
ct_status ct_set_product_source(ct_product_source source);
/// Sets the source for the calling thread alone; a negative one ends that.
void ct_set_own_product_source(int32_t source);
/// Whether this processor has the registers that kernels need.
bool ct_has_kernel_products(void);

/// Lets the process keep memory that it frees, for its own next use, instead of giving it back to the system each time.
///
/// False where the C library offers no such choice.
bool ct_retain_freed_memory(void);

/// Whether the processor multiplies bfloat16 numbers faster than float32.
bool ct_has_fast_bfloat16(void);

bool ct_cuda_is_available(void);
int32_t ct_cuda_device_count(void);
/// Waits until the device has finished all work given to it.
ct_status ct_synchronize(ct_device device);

CT_END

#endif
