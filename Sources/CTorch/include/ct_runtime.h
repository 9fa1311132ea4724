#ifndef CT_RUNTIME_H
#define CT_RUNTIME_H

#include "ct_types.h"

CT_BEGIN

/// The version of libtorch that this was compiled against.
const char *ct_version(void);

int32_t ct_thread_count(void);
ct_status ct_set_thread_count(int32_t count);

/// Lets the process keep memory that it frees, for its own next use, instead of giving it back to the system each time.
///
/// False where the C library offers no such choice.
bool ct_retain_freed_memory(void);

bool ct_cuda_is_available(void);
int32_t ct_cuda_device_count(void);
/// Waits until the device has finished all work given to it.
ct_status ct_synchronize(ct_device device);

CT_END

#endif
