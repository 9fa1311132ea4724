#ifndef CT_TYPES_H
#define CT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define KT_BEGIN extern "C" {
#define KT_END }
#else
#define KT_BEGIN
#define KT_END
#endif

KT_BEGIN

/// A tensor of libtorch, counted by reference.
typedef struct kt_tensor_s *kt_tensor;

/// A random generator of libtorch, counted by reference.
typedef struct kt_generator_s *kt_generator;

typedef enum {
    KT_OK = 0,
    /// A matrix was singular, not positive-definite, or an iteration did not converge.
    KT_LINALG = 1,
    KT_OUT_OF_MEMORY = 2,
    /// Everything else: shapes, types, devices that do not fit together.
    KT_ERROR = 3,
} kt_status;

typedef enum {
    KT_FLOAT32 = 0,
    KT_FLOAT64 = 1,
    KT_INT64 = 2,
    KT_INT32 = 3,
    KT_UINT8 = 4,
    KT_BOOL = 5,
    /// Any other type of libtorch; never created here.
    KT_OTHER = 6,
} kt_dtype;

typedef enum { KT_CPU = 0, KT_CUDA = 1 } kt_device_type;

typedef struct {
    kt_device_type type;
    int32_t index;
} kt_device;

/// What went wrong in this thread's last failing call.
const char *kt_last_error(void);

KT_END

#endif
