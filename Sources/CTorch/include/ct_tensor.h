#ifndef CT_TENSOR_H
#define CT_TENSOR_H

#include "ct_types.h"

KT_BEGIN

void kt_release(kt_tensor tensor);

// Properties. These cannot fail.
int64_t kt_rank(kt_tensor tensor);
int64_t kt_count(kt_tensor tensor);
void kt_shape(kt_tensor tensor, int64_t *shape);
void kt_strides(kt_tensor tensor, int64_t *strides);
kt_dtype kt_get_dtype(kt_tensor tensor);
kt_device kt_get_device(kt_tensor tensor);
bool kt_is_contiguous(kt_tensor tensor);
/// Whether both are views of one piece of memory, be it of different parts.
bool kt_shares_memory(kt_tensor a, kt_tensor b);
/// What tells the piece of memory that a tensor is a view of from others.
const void *kt_memory(kt_tensor tensor);
/// Whether an element of both has one address; exact.
kt_status kt_overlap(kt_tensor a, kt_tensor b, bool *out);

// Creation.
kt_status kt_from_bytes(const void *bytes, kt_dtype dtype, const int64_t *shape, size_t rank, kt_tensor *out);
kt_status kt_full(const int64_t *shape, size_t rank, double value, kt_dtype dtype, kt_device device, kt_tensor *out);
kt_status kt_full_like(kt_tensor tensor, double value, kt_tensor *out);
kt_status kt_arange(double start, double end, double step, kt_dtype dtype, kt_device device, kt_tensor *out);
kt_status kt_eye(int64_t size, kt_dtype dtype, kt_device device, kt_tensor *out);

// Copies. `kt_to_bytes` writes the elements in row-major order, whatever the memory layout and device.
kt_status kt_to_bytes(kt_tensor tensor, void *bytes, size_t capacity);
kt_status kt_cast(kt_tensor tensor, kt_dtype dtype, kt_tensor *out);
kt_status kt_to_device(kt_tensor tensor, kt_device device, kt_tensor *out);
kt_status kt_contiguous(kt_tensor tensor, kt_tensor *out);
kt_status kt_clone(kt_tensor tensor, kt_tensor *out);

// Writing into existing memory. In all functions that do, operands may share memory with the destination: they are read
// as they were before the call. A destination that overlaps itself is refused.
kt_status kt_assign(kt_tensor target, kt_tensor source);
kt_status kt_fill(kt_tensor target, double value);

KT_END

#endif
