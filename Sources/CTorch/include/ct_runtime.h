#ifndef CT_RUNTIME_H
#define CT_RUNTIME_H

#include "ct_types.h"

KT_BEGIN

/// The version of libtorch that this was compiled against.
const char *kt_version(void);

int32_t kt_thread_count(void);
kt_status kt_set_thread_count(int32_t count);

/// Lets the process keep memory that it frees, for its own next use, instead of giving it back to the system each time.
///
/// False where the C library offers no such choice.
bool kt_retain_freed_memory(void);

bool kt_cuda_is_available(void);
int32_t kt_cuda_device_count(void);
/// Waits until the device has finished all work given to it.
kt_status kt_synchronize(kt_device device);

KT_END

#endif
