#ifndef CT_INDEXING_H
#define CT_INDEXING_H

#include "ct_types.h"

KT_BEGIN

// Views of the same memory (`kt_reshape` copies where it must).
kt_status kt_reshape(kt_tensor x, const int64_t *shape, size_t rank, kt_tensor *out);
kt_status kt_permute(kt_tensor x, const int64_t *axes, size_t rank, kt_tensor *out);
kt_status kt_transpose(kt_tensor x, int64_t axis0, int64_t axis1, kt_tensor *out);
kt_status kt_expand(kt_tensor x, const int64_t *shape, size_t rank, kt_tensor *out);
kt_status kt_squeeze(kt_tensor x, int64_t axis, kt_tensor *out);
kt_status kt_unsqueeze(kt_tensor x, int64_t axis, kt_tensor *out);
kt_status kt_select(kt_tensor x, int64_t axis, int64_t index, kt_tensor *out);
kt_status kt_slice(kt_tensor x, int64_t axis, int64_t start, int64_t end, int64_t step, kt_tensor *out);
kt_status kt_diagonal(kt_tensor x, kt_tensor *out);
kt_status kt_unfold_axis(kt_tensor x, int64_t axis, int64_t size, int64_t step, kt_tensor *out);

// New tensors.
kt_status kt_cat(const kt_tensor *tensors, size_t count, int64_t axis, kt_tensor *out);
kt_status kt_stack(const kt_tensor *tensors, size_t count, int64_t axis, kt_tensor *out);
kt_status kt_diag_embed(kt_tensor x, kt_tensor *out);
kt_status kt_tril(kt_tensor x, int64_t diagonal, kt_tensor *out);
kt_status kt_triu(kt_tensor x, int64_t diagonal, kt_tensor *out);
kt_status kt_flip(kt_tensor x, const int64_t *axes, size_t count, kt_tensor *out);
kt_status kt_index_select(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor *out);
kt_status kt_index_add(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor source, kt_tensor *out);
kt_status kt_gather(kt_tensor x, int64_t axis, kt_tensor indices, kt_tensor *out);
kt_status kt_one_hot(kt_tensor indices, int64_t classes, kt_tensor *out);
/// The positions in the flattened tensor of what is not zero, int64 [count].
kt_status kt_nonzero(kt_tensor x, kt_tensor *out);
kt_status kt_bincount(kt_tensor indices, int64_t minimum_length, kt_tensor *out);
/// `padding` holds pairs (before, after), the last axis first.
kt_status kt_pad(kt_tensor x, const int64_t *padding, size_t count, double value, kt_tensor *out);

KT_END

#endif
