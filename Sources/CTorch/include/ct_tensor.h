#ifndef CT_TENSOR_H
#define CT_TENSOR_H

#include "ct_types.h"

CT_BEGIN

void ct_release(ct_tensor tensor);

// Properties. These cannot fail.
int64_t ct_rank(ct_tensor tensor);
int64_t ct_count(ct_tensor tensor);
void ct_shape(ct_tensor tensor, int64_t *shape);
void ct_strides(ct_tensor tensor, int64_t *strides);
ct_dtype ct_get_dtype(ct_tensor tensor);
ct_device ct_get_device(ct_tensor tensor);
bool ct_is_contiguous(ct_tensor tensor);
/// Whether operations take a tensor for images whose channels lie side by side, and give their results so.
bool ct_is_channels_last(ct_tensor tensor);
/// Whether both are views of one piece of memory, be it of different parts.
bool ct_shares_memory(ct_tensor a, ct_tensor b);
/// Tells the piece of memory that a tensor is a view of from others.
const void *ct_memory(ct_tensor tensor);
/// Whether an element of both has one address; exact.
ct_status ct_overlap(ct_tensor a, ct_tensor b, bool *out);

// Creation.
ct_status ct_from_bytes(const void *bytes, ct_dtype dtype, const int64_t *shape, size_t rank, ct_tensor *out);
ct_status ct_full(const int64_t *shape, size_t rank, double value, ct_dtype dtype, ct_device device, ct_tensor *out);
ct_status ct_full_like(ct_tensor tensor, double value, ct_tensor *out);
ct_status ct_arange(double start, double end, double step, ct_dtype dtype, ct_device device, ct_tensor *out);
ct_status ct_eye(int64_t size, ct_dtype dtype, ct_device device, ct_tensor *out);

// Copies. `ct_to_bytes` writes the elements in row-major order, whatever the memory layout and device.
ct_status ct_to_bytes(ct_tensor tensor, void *bytes, size_t capacity);
ct_status ct_cast(ct_tensor tensor, ct_dtype dtype, ct_tensor *out);
ct_status ct_to_device(ct_tensor tensor, ct_device device, ct_tensor *out);
ct_status ct_contiguous(ct_tensor tensor, ct_tensor *out);
/// Of images [batch, channels, height, width]: the channels of each pixel side by side, the tensor itself where they
/// are so already.
ct_status ct_channels_last(ct_tensor images, ct_tensor *out);
ct_status ct_clone(ct_tensor tensor, ct_tensor *out);

// Writing into existing memory. In all functions that do, operands may share memory with the destination: they are read
// as they were before the call. A destination that overlaps itself is refused.
ct_status ct_assign(ct_tensor target, ct_tensor source);
ct_status ct_fill(ct_tensor target, double value);

CT_END

#endif
