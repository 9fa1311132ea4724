#ifndef CT_TYPES_H
#define CT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CT_BEGIN extern "C" {
#define CT_END }
#else
#define CT_BEGIN
#define CT_END
#endif

CT_BEGIN

/// A tensor of libtorch, counted by reference.
typedef struct ct_tensor_s *ct_tensor;

/// A random generator of libtorch, counted by reference.
typedef struct ct_generator_s *ct_generator;

typedef enum {
    CT_OK = 0,
    /// A matrix was singular, not positive-definite, or an iteration did not converge.
    CT_LINALG = 1,
    CT_OUT_OF_MEMORY = 2,
    /// Everything else: shapes, types, devices that do not fit together.
    CT_ERROR = 3,
} ct_status;

typedef enum {
    CT_FLOAT32 = 0,
    CT_FLOAT64 = 1,
    CT_INT64 = 2,
    CT_INT32 = 3,
    CT_UINT8 = 4,
    CT_BOOL = 5,
    CT_BFLOAT16 = 6,
    /// Any other type of libtorch; never created here.
    CT_OTHER = 7,
} ct_dtype;

typedef enum { CT_CPU = 0, CT_CUDA = 1 } ct_device_type;

typedef struct {
    ct_device_type type;
    int32_t index;
} ct_device;

/// The message of this thread's last failing call.
const char *ct_last_error(void);

CT_END

#endif
