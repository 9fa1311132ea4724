#ifndef CT_AUTOGRAD_H
#define CT_AUTOGRAD_H

#include "ct_types.h"

KT_BEGIN

bool kt_requires_grad(kt_tensor tensor);
/// Whether no recorded operation produced the tensor.
bool kt_is_leaf(kt_tensor tensor);
kt_status kt_set_requires_grad(kt_tensor tensor, bool requires_grad);
kt_status kt_detach(kt_tensor tensor, kt_tensor *out);

/// Whether this thread records operations for differentiation.
bool kt_grad_mode(void);
void kt_set_grad_mode(bool enabled);

/// The gradients of `outputs`, weighted by `output_gradients` (null: ones), with respect to `inputs`.
///
/// `gradients` has room for `input_count` handles; one is null where an output does not depend on that input.
kt_status kt_gradients(
    const kt_tensor *outputs, size_t output_count, const kt_tensor *output_gradients,
    const kt_tensor *inputs, size_t input_count, bool keep_graph, bool create_graph,
    kt_tensor *gradients);

/// How often the graph that leads to `outputs` takes each of `tensors` in: the number of operations' operands that it
/// is, and one more if it is itself an output. Of a tensor that is no part of the graph 0.
kt_status kt_graph_uses(
    const kt_tensor *outputs, size_t output_count, const kt_tensor *tensors, size_t tensor_count, int64_t *counts);

/// The leaf of the graph whose memory a matrix is a view of, as it is or transposed.
///
/// `out` is null where there is none. `transposed` says whether the rows of one are the columns of the other.
kt_status kt_matrix_leaf(kt_tensor matrix, kt_tensor *out, bool *transposed);

KT_END

#endif
