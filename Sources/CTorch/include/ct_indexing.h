#ifndef CT_INDEXING_H
#define CT_INDEXING_H

#include "ct_types.h"

CT_BEGIN

// Views of the same memory (`ct_reshape` copies where it must).
ct_status ct_reshape(ct_tensor x, const int64_t *shape, size_t rank, ct_tensor *out);
ct_status ct_permute(ct_tensor x, const int64_t *axes, size_t rank, ct_tensor *out);
ct_status ct_transpose(ct_tensor x, int64_t axis0, int64_t axis1, ct_tensor *out);
ct_status ct_expand(ct_tensor x, const int64_t *shape, size_t rank, ct_tensor *out);
ct_status ct_squeeze(ct_tensor x, int64_t axis, ct_tensor *out);
ct_status ct_unsqueeze(ct_tensor x, int64_t axis, ct_tensor *out);
ct_status ct_select(ct_tensor x, int64_t axis, int64_t index, ct_tensor *out);
ct_status ct_slice(ct_tensor x, int64_t axis, int64_t start, int64_t end, int64_t step, ct_tensor *out);
ct_status ct_diagonal(ct_tensor x, ct_tensor *out);
ct_status ct_unfold_axis(ct_tensor x, int64_t axis, int64_t size, int64_t step, ct_tensor *out);

// New tensors.
ct_status ct_cat(const ct_tensor *tensors, size_t count, int64_t axis, ct_tensor *out);
ct_status ct_stack(const ct_tensor *tensors, size_t count, int64_t axis, ct_tensor *out);
ct_status ct_diag_embed(ct_tensor x, ct_tensor *out);
ct_status ct_tril(ct_tensor x, int64_t diagonal, ct_tensor *out);
ct_status ct_triu(ct_tensor x, int64_t diagonal, ct_tensor *out);
ct_status ct_flip(ct_tensor x, const int64_t *axes, size_t count, ct_tensor *out);
ct_status ct_index_select(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor *out);
ct_status ct_index_add(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor source, ct_tensor *out);
ct_status ct_gather(ct_tensor x, int64_t axis, ct_tensor indices, ct_tensor *out);
ct_status ct_one_hot(ct_tensor indices, int64_t classes, ct_tensor *out);
/// The positions in the flattened tensor of what is not zero, int64 [count].
ct_status ct_nonzero(ct_tensor x, ct_tensor *out);
ct_status ct_bincount(ct_tensor indices, int64_t minimum_length, ct_tensor *out);
/// `padding` holds pairs (before, after), the last axis first.
ct_status ct_pad(ct_tensor x, const int64_t *padding, size_t count, double value, ct_tensor *out);

CT_END

#endif
